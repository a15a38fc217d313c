"""Runs shell commands of a pipeline, each in its own session, with limits on time and output."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from service.adapters.host_process import alive

_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_POLL = 0.05
_TAIL = 4_000
"""Bytes of output that a message may carry."""
_PASSED = ("PATH", "HOME", "LANG")

Permitted = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. ``cut`` is true when it was killed for printing too much."""

    code: int
    timed_out: bool
    cut: bool
    tail: str

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out and not self.cut


def environment_of(given: Mapping[str, str], inherit: Sequence[str]) -> dict[str, str]:
    """The environment of a command: nothing of ours but a few names and what was asked for."""
    names = (*_PASSED, *inherit)
    return {name: os.environ[name] for name in names if name in os.environ} | dict(given)


def run(
    command: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    inherit: Sequence[str],
    timeout: timedelta,
    output: Path,
    limit: int = 10_000_000,
    may_run: Callable[[], None] = lambda: None,
) -> Finished:
    """Run ``sh -e -c command`` in ``folder``; stdout and stderr go to the file ``output``.

    ``inherit`` names variables of our own environment; ``limit`` is in bytes. ``may_run`` is asked
    all the time, and what it raises ends the command.
    """
    with output.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - the command is the pipeline's own
            ["/bin/sh", "-e", "-c", command],
            cwd=folder,
            env=environment_of(environment, inherit),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        timed_out, cut = _watch(process.pid, output, timeout.total_seconds(), limit, may_run)
    except BaseException:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if timed_out or cut:
        _signal_group(process.pid, signal.SIGTERM)
        _ended_within(process.pid, _GRACE)
    # The leader is not reaped yet, so that its number cannot name another group by now. What it
    # left in the background ends here too.
    _signal_group(process.pid, signal.SIGKILL)
    code = process.wait()
    if output.stat().st_size > limit:
        cut = True
        os.truncate(output, limit)
    return Finished(code, timed_out, cut, tail_of(output))


def tail_of(output: Path) -> str:
    """The end of a file of output, for a message; empty when there is no such file."""
    if not output.is_file():
        return ""
    with output.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        return file.read().decode(errors="replace").strip()


def end_process(pid: int, started: int, permitted: Permitted = nullcontext) -> None:
    """End a process that is no child of ours, and its group: SIGTERM, then SIGKILL to the rest.

    Each signal is sent inside ``permitted``, which raises where it may not be sent any more.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with permitted():
            _signal_group(pid, number)
        deadline = time.monotonic() + _GRACE
        while alive(pid, started) and time.monotonic() < deadline:
            time.sleep(_POLL / 5)


def _watch(
    pid: int, output: Path, seconds: float, limit: int, may_run: Callable[[], None]
) -> tuple[bool, bool]:
    """Wait for the end; returns whether the time ran out and whether the output is too long."""
    deadline = time.monotonic() + seconds
    while not _ended_within(pid, _POLL):
        may_run()
        if output.stat().st_size > limit:
            return False, True
        if time.monotonic() >= deadline:
            return True, False
    return False, False


def _ended_within(pid: int, seconds: float) -> bool:
    """Whether our child ended, without reaping it."""
    deadline = time.monotonic() + seconds
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, pid, flags) is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL / 5)
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        # Nobody is left in the group, or only what changed its user.
        return
