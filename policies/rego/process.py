"""An ``opa`` program of this machine, run as a server on a socket that only we can open."""

import atexit
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Final, TypeVar

import httpx

from policies.documents import Issue
from policies.rego.document import Document
from policies.rego.opa import Opa
from policies.rego.policies import PolicySet
from policies.rego.port import Answers, RegoError

Told = TypeVar("Told")

#: How long a start may take, in seconds; 0.3 on an idle machine.
_START: Final = 20.0
_PAUSE: Final = 0.01
#: What a question meets whose program is gone.
_BROKEN: Final = (httpx.NetworkError, httpx.ProtocolError)
#: How long a program may take to be gone after its connections broke, in seconds.
_ENDING: Final = 1.0
#: Ends OPA and removes its folder when the pipe from us closes, however we end: a killed process
#: closes its pipes too.
_GUARD: Final = (
    'exec 3<&0; (cat <&3 >/dev/null; kill $$; rm -rf "$HOME") & exec "$@" 3<&- </dev/null'
)


class OpaProcess:
    """Starts the program at the first question, and again when it is gone."""

    def __init__(self, program: str, timeout: float) -> None:
        self._program = program
        self._timeout = timeout
        self._lock = Lock()
        self._running: tuple[subprocess.Popen[bytes], Path, Opa] | None = None
        atexit.register(self.close)

    def ask(self, policies: PolicySet, half: str, document: Document) -> Answers:
        return self._asked(lambda opa: opa.ask(policies, half, document))

    def check(self, policies: PolicySet) -> Sequence[Issue]:
        return self._asked(lambda opa: opa.check(policies))

    def name(self) -> str:
        return self._asked(lambda opa: opa.name())

    def close(self) -> None:
        with self._lock:
            self._stop()
        atexit.unregister(self.close)

    def _asked(self, question: Callable[[Opa], Told]) -> Told:
        opa = self._opa()
        try:
            return question(opa)
        except RegoError as error:
            if not isinstance(error.__cause__, _BROKEN) or not self._is_ending():
                raise
        # It was ended from outside; what it was asked changes nothing, so it is asked again.
        return question(self._opa())

    def _opa(self) -> Opa:
        with self._lock:
            if not self._runs():
                self._stop()
            if self._running is None:
                self._running = self._start()
            return self._running[2]

    def _is_ending(self) -> bool:
        """Whether the program is gone; its connections break a moment before it is."""
        running = self._running
        try:
            return running is None or running[0].wait(_ENDING) is not None
        except subprocess.TimeoutExpired:
            return False

    def _runs(self) -> bool:
        return self._running is not None and self._running[0].poll() is None

    def _start(self) -> tuple[subprocess.Popen[bytes], Path, Opa]:
        # A folder of mkdtemp is ours alone; a socket's path has at most 107 bytes.
        folder = Path(tempfile.mkdtemp(prefix="bakegate-opa-", dir="/tmp"))
        address, log = folder / "opa.sock", folder / "log"
        words = [self._program, "run", "--server", f"--addr=unix://{address}"]
        words += ["--unix-socket-perm=600", "--log-level=error", "--skip-version-check"]
        with log.open("wb") as output:
            guard = subprocess.Popen(  # noqa: S603 - the program that was named or found on PATH
                ["/bin/sh", "-c", _GUARD, "sh", *words],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
            )
        http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(address)),
            base_url="http://opa",
            timeout=self._timeout,
            trust_env=False,
        )
        opa = Opa(http, self._program, self._timeout)
        until = monotonic() + _START
        while not (_listens(address) and _answers(opa)):
            if monotonic() > until or guard.poll() is not None:
                told = log.read_text(errors="replace").strip() or "it did not answer"
                self._running = (guard, folder, opa)
                self._stop()
                raise RegoError(f"{self._program} cannot be run as a server ({told})")
            sleep(_PAUSE)
        return guard, folder, opa

    def _stop(self) -> None:
        if self._running is None:
            return
        guard, folder, opa = self._running
        self._running = None
        opa.close()
        guard.terminate()
        guard.wait()
        if guard.stdin:
            guard.stdin.close()
        shutil.rmtree(folder, ignore_errors=True)


def _listens(address: Path) -> bool:
    """Asked before the client is: what it opens in vain it does not close."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0


def _answers(opa: Opa) -> bool:
    try:
        opa.name()
    except RegoError:
        return False
    return True
