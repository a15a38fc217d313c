"""The system's OpenSSH client, asked for one thing at a time on one host.

Nothing of the user's own configuration counts, so that the pipeline file says all of it: only the
keys in the file that it names are believed, and nothing is ever asked of a person.
"""

import base64
import binascii
import hashlib
import os
import re
import shlex
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Final

from policies.remote import Ssh
from service.adapters.host_change import DeploymentError, Unreached
from service.adapters.host_files import short
from service.adapters.processes import Finished, run
from service.promotions.ports import DeployOrder, Fenced

_CONNECT: Final = timedelta(seconds=10)
#: What an agent may take that changes no more than its records, beside the time to connect.
_ANSWER: Final = timedelta(seconds=30)
#: Bytes that one answer may have.
_LONGEST: Final = 1_000_000
_OPTIONS: Final = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "IdentitiesOnly=yes",
    "ConnectionAttempts=1",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ControlPath=none",
    "RequestTTY=no",
    "LogLevel=ERROR",
)
#: Exit codes of the agent, and of the client where no agent could be asked.
_FENCED, _LATER, _CLIENT = 75, 74, 255
#: A line of the agent among whatever else a login prints.
_SAID: Final = re.compile(r"^@([a-z]+) (.*)\n", re.MULTILINE)
_PLACE: Final = 'case $1 in "~/"*) f=$HOME/${1#"~/"};; *) f=$1;; esac; d=$f/.bakegate a=$d/agent-$2'
_KEEP: Final = 'mkdir -p "$d" && cat >"$a.$$" && mv -f "$a.$$" "$a" || exit 73'
_ASK: Final = 'f=$1 v=$3; shift 3; exec sh "$a" "$v" "$f" "$@"'


@dataclass(frozen=True, slots=True)
class Told:
    """What a host says of itself. ``lowest`` and ``elapsed`` (seconds) belong to its deployment.

    ``state`` is ``stopping``, ``starting``, ``in_service``, ``failed`` or, before the first
    deployment, empty; ``key`` is the short one that brought it there. ``has`` tells whether it
    keeps the release that was asked for; ``result`` is what was answered in the end for our key.
    """

    state: str
    key: str
    digest: str
    lowest: int
    cause: str
    message: str
    elapsed: int
    has: bool
    url: str
    result: str

    @property
    def changing(self) -> bool:
        return self.state in {"stopping", "starting"}


@dataclass(frozen=True, slots=True)
class Side:
    """One host of an order."""

    name: str
    access: Ssh
    order: DeployOrder

    def begin(self) -> Told:
        """Take the host for this attempt and see where it stands; may be repeated."""
        return _told(self._call("begin", _agent(), _ANSWER, self.order.digest, keep=True))

    def bring(self, artifact: Path, within: timedelta) -> Told:
        """Copy the artifact to the host, which checks and unpacks it."""
        return _told(self._call("bring", artifact, within, self.order.digest))

    def launch(self, variables: str, *arguments: str) -> Told:
        """Let the host change itself, ``variables`` being assignments that a shell reads."""
        return _told(self._call("launch", variables, _ANSWER, self.order.digest, *arguments))

    def abort(self, cause: str, words: str) -> Told:
        """End what the deployment does on the host, and leave it as it is."""
        return _told(self._call("abort", "", _ANSWER, cause, words, self.order.digest))

    def finish(self, result: str, retained: str) -> None:
        self._call("finish", "", _ANSWER, result, retained)

    def _call(
        self, verb: str, given: str | Path, within: timedelta, *arguments: str, keep: bool = False
    ) -> dict[str, str]:
        """What the agent answers to ``given``, a file or its contents.

        Raises Fenced, Unreached, or DeploymentError where the host refuses.
        """
        order = self.order
        owner = f"{order.pipeline}/{order.stage}/{order.target}"
        steps = "; ".join((_PLACE, *((_KEEP,) if keep else ()), _ASK))
        remote = ["sh", "-c", steps, "sh", self.access.folder.or_else(None) or "", _version(), verb]
        remote += [owner, short(order.key), str(order.epoch), *arguments]
        connect = self.access.connect_timeout.or_else(None) or _CONNECT
        # Files without a name: whoever is killed leaves neither variables nor answers behind.
        with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as unnamed:
            output, stdin = _path_of(answer), given
            if isinstance(stdin, str):
                unnamed.write(stdin.encode())
                unnamed.flush()
                stdin = _path_of(unnamed)
            client = shlex.join(self._client(connect, shlex.join(remote)))
            finished = run(
                f"{client} <{shlex.quote(str(stdin))}",
                folder=Path("/"),
                environment={},
                inherit=(),
                timeout=connect + within,
                output=output,
                limit=_LONGEST,
            )
            text = output.read_text(encoding="utf-8", errors="replace")
        said = {found[1]: found[2] for found in _SAID.finditer(text)}
        self._judge(finished, said)
        return said

    def _client(self, connect: timedelta, command: str) -> list[str]:
        access = self.access
        known, identity = (
            self._readable(fact.or_else(None) or "", what)
            for fact, what in ((access.known_hosts, "known_hosts"), (access.identity, "identity"))
        )
        user = access.user.or_else(None)
        options = [*_OPTIONS, f"UserKnownHostsFile={known}"]
        options.append(f"ConnectTimeout={max(1, round(connect.total_seconds()))}")
        return [
            *("ssh", "-F", "none", "-T", "-p", str(access.port.or_else(None) or 22)),
            *(part for each in options for part in ("-o", each)),
            *(("-i", identity) if identity else ()),
            *(("-l", user) if user else ()),
            *("--", self.name, command),
        ]

    def _readable(self, path: str, what: str) -> str:
        if path and not Path(path).is_file():
            raise DeploymentError(f"there is no {what} file {path} where Bakegate works")
        # The client runs in another folder.
        return str(Path(path).absolute()) if path else ""

    def _judge(self, finished: Finished, said: dict[str, str]) -> None:
        order, words = self.order, _unpacked(said.get("problem", "")) or _words(finished)
        if finished.timed_out:
            raise Unreached(f"{self.name} did not answer in time")
        if finished.code == _FENCED and "fenced" in said:
            seen = f"host {self.name} of target {order.target} has seen {said['fenced']}"
            raise Fenced(f"{order.key} has epoch {order.epoch}; {seen}")
        if finished.code == _CLIENT:
            self._unconnected(words)
        if finished.code == _LATER:
            raise Unreached(f"{self.name}: {words}")
        if not finished.ok:
            raise DeploymentError(f"{self.name}: {words or f'exit code {finished.code}'}")
        if "end" not in said:
            raise Unreached(f"{self.name} was cut off while it answered")

    def _unconnected(self, words: str) -> None:
        known, user = (each.or_else(None) for each in (self.access.known_hosts, self.access.user))
        if "has changed and you have requested" in words:
            shown = re.search(r"^SHA256:[\w+/]+", words, re.MULTILINE)
            told = (
                f"shows the host key {shown[0] if shown else ''}, not one that {known} has for it"
            )
            raise DeploymentError(f"{self.name} {told}; find out who answers before you change it")
        if "Host key verification failed" in words:
            raise DeploymentError(f"{known} has no host key of {self.name}; add its right one")
        last = words.splitlines()[-1] if words else "no reason was told"
        if "Permission denied" in words:
            who = user or "the user that Bakegate runs as"
            raise DeploymentError(f"{self.name} does not let {who} in: {last}")
        raise Unreached(f"{self.name} cannot be reached: {last}")


def _path_of(unnamed: IO[bytes]) -> Path:
    """By which other processes open a file of this one that has no name, while it is open here."""
    return Path(f"/proc/{os.getpid()}/fd/{unnamed.fileno()}")


def _told(said: dict[str, str]) -> Told:
    return Told(
        state=said["state"],
        key=said["key"],
        digest=said["digest"],
        lowest=int(said["lowest"] or 0),
        cause=said["cause"],
        message=_unpacked(said["message"]),
        elapsed=int(said["elapsed"]),
        has=said["has"] == "yes",
        url=_unpacked(said["url"]),
        result=_unpacked(said["result"]),
    )


def packed(text: str) -> str:
    """A text as the agent keeps and tells it: one word of plain letters."""
    return base64.b64encode(text.encode()).decode()


def _unpacked(word: str) -> str:
    try:
        return base64.b64decode(word).decode(errors="replace").strip()
    except binascii.Error:
        return ""


def _words(finished: Finished) -> str:
    return _SAID.sub("", finished.tail).strip()


@cache
def _agent() -> str:
    return (files("service.adapters") / "ssh_agent.sh").read_text(encoding="utf-8")


@cache
def _version() -> str:
    """Names the agent on the host, so that workers of two versions do not mix theirs."""
    return hashlib.sha256(_agent().encode()).hexdigest()[:12]
