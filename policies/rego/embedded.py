"""The interpreter that comes with ``bakegate[rego]``: nothing else has to be installed or run.

It is slower than OPA on large documents (``tests/bench/bench_rego.py``) and enough for a lint.
"""

import atexit
import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final

from policies.documents import Issue
from policies.findings import Span
from policies.rego.document import Document
from policies.rego.mending import mended
from policies.rego.policies import Policy, PolicySet
from policies.rego.port import Answer, Answers, RegoError

MISSING: Final = (
    "the embedded interpreter of Rego is not installed; install bakegate[rego], "
    "or put the program `opa` on the PATH, or name a server by BAKEGATE_REGO_URL"
)

_PROGRAM: Final = Path(__file__).with_name("interpreter.py")
_CHUNK: Final = 1 << 16
#: Where the interpreter says a place: file, offset in bytes, length.
_PLACE: Final = re.compile(r"\(error \d+:module\|(?P<offset>\d+)\|(?P<length>\d+)")
_MESSAGE: Final = re.compile(r"\(errormsg \d+:(?P<text>[^)\n]+)\)")
#: Starting Python and loading the library, in seconds; 0.1 on an idle machine.
_START: Final = 20.0


def installed() -> bool:
    return find_spec("regopy") is not None


class Embedded:
    """Starts the interpreter's process at the first question, and again when it is gone."""

    def __init__(self, timeout: float) -> None:
        if not installed():
            raise RegoError(MISSING)
        self._timeout = timeout
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: dict[str, dict[str, Answer]] = {}
        """By the name of a set, the rules of it that cannot be compiled."""
        self._version = ""
        atexit.register(self.close)

    def ask(self, policies: PolicySet, half: str, document: Document) -> Answers:
        asked = document.data["rules"]
        name = policies.entry.package
        with self._lock:
            version = self._started()
            if name not in self._loaded:
                self._load(name, policies)
            broken = self._loaded[name]
            entries = {
                each.rule: each.address(half)
                for each in policies.rules
                if half in each.halves and each.rule in asked and each.rule not in broken
            }
            said = self._asked(
                {"do": "ask", "name": name, "entries": entries, "input": document.data}
            )
        answers = {rule: Answer(**each) for rule, each in said["said"].items()}
        return Answers(version, answers | broken)

    def check(self, policies: PolicySet) -> Sequence[Issue]:
        found: list[Issue] = []
        with self._lock:
            self._started()
            for policy in policies.rules:
                said = self._asked({"do": "check", **_module(policy)})
                found.extend(_complaints(policy, said["errors"]))
        return found

    def name(self) -> str:
        with self._lock:
            return self._started()

    def close(self) -> None:
        with self._lock:
            self._stop()
        atexit.unregister(self.close)

    def _load(self, name: str, policies: PolicySet) -> None:
        modules = {each.rule: _module(each) for each in policies.rules}
        said = self._asked({"do": "load", "name": name, "modules": modules})
        self._loaded[name] = {
            each.rule: Answer(error=f"it cannot be compiled: {issue.message}")
            for each in policies.rules
            for issue in _complaints(each, said["broken"].get(each.rule, ()))
        }

    def _started(self) -> str:
        """The name and version of the interpreter, which runs after this."""
        if self._process and self._process.poll() is not None:
            self._stop()
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            )
            self._version = f"regopy {self._asked({'do': 'version'}, _START)['version']}"
        return self._version

    def _asked(self, question: dict[str, Any], timeout: float = 0.0) -> dict[str, Any]:
        """One line there, one line back, within the time-out; else the process is ended."""
        try:
            line = self._exchanged(json.dumps(question).encode() + b"\n", timeout or self._timeout)
            said: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            self._stop()
            raise RegoError(
                f"the embedded interpreter ended while it was asked ({error})"
            ) from error
        if "error" in said:
            raise RegoError(f"the embedded interpreter: {said['error']}")
        return said

    def _exchanged(self, line: bytes, timeout: float) -> bytes:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise OSError("it does not run")
        process.stdin.write(line)
        process.stdin.flush()
        until = monotonic() + timeout
        found = bytearray()
        while not found.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - monotonic()))
            if not ready:
                self._stop()
                raise RegoError(f"the embedded interpreter did not answer within {timeout:g} s")
            chunk = os.read(process.stdout.fileno(), _CHUNK)
            if not chunk:
                raise OSError("its process is gone")
            found += chunk
        return bytes(found)

    def _stop(self) -> None:
        process, self._process = self._process, None
        self._loaded.clear()
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _module(policy: Policy) -> dict[str, Any]:
    return {
        "text": mended(policy.text),
        "entries": [policy.address(half) for half in sorted(policy.halves)],
    }


def _complaints(policy: Policy, errors: Sequence[str]) -> Iterator[Issue]:
    for error in errors:
        place, message = _PLACE.search(error), _MESSAGE.search(error)
        before = (
            policy.text.encode()[: int(place["offset"])].decode(errors="replace") if place else ""
        )
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        length = int(place["length"]) if place else 1
        told = (
            message["text"] if message else "the interpreter cannot compile this and says no more"
        )
        yield Issue(Span(policy.path, line, column, line, column + length), told)
