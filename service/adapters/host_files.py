"""The deployer's records on disk: one folder for each target, one file for each host.

Every file is replaced by rename, so that a reader never sees half of one, and whoever is killed
leaves either the old record or the new one.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from service.adapters.host_process import alive, read_claim
from service.adapters.processes import end_process

HostWord = Literal["starting", "in_service", "stopping", "stopped"]


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """What the deployer last did to a target. ``lowest`` counts hosts in service under ``key``."""

    epoch: int
    key: str
    digest: str
    state: str
    message: str
    started_at: str
    lowest: int = 0


@dataclass(frozen=True, slots=True)
class HostRecord:
    """One host. ``starts`` counts how often it was launched under ``key``."""

    pipeline: str
    stage: str
    target: str
    name: str
    pid: int
    start_time: int
    port: int
    digest: str
    key: str
    epoch: int
    state: HostWord
    starts: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def in_service(self) -> bool:
        """In service by the record and alive."""
        return self.state == "in_service" and alive(self.pid, self.start_time)


def target_folder(folder: Path, pipeline: str, stage: str, target: str) -> Path:
    """Where the records of a target are; a name cannot lead out of ``folder``."""
    return folder.joinpath(*(_plain(name) for name in (pipeline, stage, target)))


def _plain(name: str) -> str:
    # ``quote`` keeps dots, and a name of dots alone would be a way up.
    return quote(name, safe="").replace(".", "%2E") if name.strip(".") == "" else quote(name, "")


def short(key: str) -> str:
    """A name for files that belong to an idempotency key, whatever characters the key has."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]


def read_target(folder: Path) -> TargetRecord | None:
    data = _read(folder / "target.json")
    return None if data is None else TargetRecord(**data)


def write_target(folder: Path, record: TargetRecord) -> None:
    write_json(folder / "target.json", asdict(record))


def read_result(folder: Path, key: str) -> dict[str, Any] | None:
    """What was answered in the end for a key, if it is finished."""
    return _read(folder / "results" / f"{short(key)}.json")


def write_result(folder: Path, key: str, result: dict[str, Any]) -> None:
    write_json(folder / "results" / f"{short(key)}.json", result)


def read_host(path: Path) -> HostRecord | None:
    data = _read(path)
    return None if data is None else HostRecord(**data)


def write_host(path: Path, record: HostRecord) -> None:
    write_json(path, asdict(record))


def host_paths(folder: Path) -> list[Path]:
    """The records of the hosts of a target, in the order of their numbers."""
    return sorted((folder / "hosts").glob("*.json"), key=lambda path: int(path.stem))


def read_hosts(folder: Path) -> list[HostRecord]:
    found = (read_host(path) for path in host_paths(folder))
    return [host for host in found if host is not None]


def claim_path(path: Path, key: str) -> Path:
    """The claim that the process of a host under a key holds; ``path`` is the host's record."""
    return path.with_suffix("") / f"{short(key)}.claim"


def process_of(path: Path, host: HostRecord) -> tuple[int, int] | None:
    """The living process of a host, if there is one: by its claim, else by its record.

    The claim comes first: the record may not name the process yet when the deployer was killed.
    """
    for pid, started in (
        read_claim(str(claim_path(path, host.key))),
        (host.pid, host.start_time),
    ):
        if alive(pid, started):
            return pid, started
    return None


def end_host(path: Path) -> None:
    """End the process of a host, if it has one, and mark the host stopped."""
    host = read_host(path)
    if host is None:
        return
    # Written before the claim is read: a launch that is still under way either sees this and
    # gives up, or is seen here.
    write_host(path, replace(host, state="stopping"))
    process = process_of(path, host)
    if process is not None:
        end_process(*process)
    write_host(path, replace(host, state="stopped"))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other call for this target out, of this process or another; death releases it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_json(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # One writer at a time (the lock), so a fixed name will do, and a kill leaves one file at most.
    incoming = path.with_suffix(".incoming")
    with incoming.open("w") as file:
        json.dump(data, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    incoming.rename(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return data
