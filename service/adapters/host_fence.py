"""Who may change a target: the attempt with the highest epoch, asked at each single change.

Hooks and starts take minutes, and a worker may be stopped in the middle of one. So nothing is held
while they run. The epoch is compared in the same moment in which something is changed, under a
lock that is held for microseconds.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from service.adapters.host_files import (
    HostRecord,
    HostWord,
    TargetRecord,
    prepare,
    process_of,
    read_host,
    read_result,
    read_target,
    result_path,
    target_path,
)
from service.adapters.processes import end_process
from service.promotions.ports import DeployProgress, Fenced

_STOPPED_S: Final = 2.0
"""Whoever holds the lock for so long was stopped while it had it, and loses it."""
_POLL_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class Fence:
    """The right of one attempt, ``key`` with ``epoch``, to change the target in ``folder``."""

    folder: Path
    epoch: int
    key: str = ""
    place: str = ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make one change while no other attempt makes one; raises Fenced when a newer one began.

        Only for a rename or a signal: what takes long is prepared before.
        """
        with _locked(self.folder):
            self.check()
            yield

    def check(self) -> None:
        """Raise Fenced when a newer attempt began; it may begin right afterwards."""
        known = read_target(self.folder)
        if known is not None and self.epoch < known.epoch:
            told = f"{self.key} has epoch {self.epoch}; {self.place} has seen {known.epoch}"
            raise Fenced(told)

    def put_target(self, record: TargetRecord) -> None:
        self.put(target_path(self.folder), asdict(record))

    def put_result(self, key: str, result: dict[str, Any]) -> None:
        self.put(result_path(self.folder, key), result)

    def put_host(self, path: Path, record: HostRecord) -> None:
        self.put(path, asdict(record))

    def put(self, path: Path, data: dict[str, Any]) -> None:
        """Replace a file by rename; raises Fenced when a newer attempt began."""
        incoming = prepare(path, data, f"incoming-{self.epoch}")
        with self.held():
            incoming.rename(path)

    def end_host(self, path: Path) -> None:
        """End the process of a host, if it has one, and mark the host stopped."""
        host = read_host(path)
        if host is None:
            return
        # Written before the claim is read: a launch that is still under way either sees this and
        # gives up, or is seen here.
        self.mark(path, host, "stopping")
        process = process_of(path, host)
        if process is not None:
            end_process(*process, self.held)
        self.mark(path, host, "stopped")

    def mark(self, path: Path, host: HostRecord, state: HostWord) -> None:
        self.put_host(path, replace(host, state=state))


def kept_answer(fence: Fence) -> DeployProgress | None:
    """What the fence's key was answered in the end, if it has ended.

    It fences too: whoever asks again has a newer epoch than all before.
    """
    result, known = read_result(fence.folder, fence.key), read_target(fence.folder)
    if result is None or known is None:
        return None
    fence.put_target(replace(known, epoch=fence.epoch))
    return DeployProgress(**result)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    patience = time.monotonic() + _STOPPED_S
    while (descriptor := _lock(path)) is None:
        if time.monotonic() >= patience:
            # Others lock the new file from now on. What the stopped one was about to change when
            # it was stopped, it may still change: one rename or one signal.
            path.unlink(missing_ok=True)
            patience = time.monotonic() + _STOPPED_S
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """The lock, unless somebody holds it or has just put another file in its place."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        current = path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        current = False
    if current:
        return descriptor
    os.close(descriptor)
    return None
