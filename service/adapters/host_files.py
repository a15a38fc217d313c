"""The deployer's records on disk: one folder for each target, one file for each host.

Every file is replaced by rename, so that a reader never sees half of one, and whoever is killed
leaves either the old record or the new one.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from service.adapters.host_process import alive, read_claim

HostWord = Literal["starting", "in_service", "stopping", "stopped"]


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """What the deployer last did to a target. ``lowest`` counts hosts in service under ``key``.

    ``begun`` is when the deployment began, in seconds after boot: no jump of a clock changes it.
    """

    epoch: int
    key: str
    digest: str
    state: str
    message: str
    begun: float
    lowest: int = 0


@dataclass(frozen=True, slots=True)
class HostRecord:
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
    data = _read(target_path(folder))
    return None if data is None else TargetRecord(**data)


def read_result(folder: Path, key: str) -> dict[str, Any] | None:
    """What was answered in the end for a key, if it is finished."""
    return _read(result_path(folder, key))


def result_path(folder: Path, key: str) -> Path:
    return folder / "results" / f"{short(key)}.json"


def target_path(folder: Path) -> Path:
    return folder / "target.json"


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


def write_json(path: Path, data: dict[str, Any]) -> None:
    prepare(path, data, "incoming").rename(path)


def prepare(path: Path, data: dict[str, Any], suffix: str) -> Path:
    """Write what is to replace ``path`` into a file beside it, which only needs to be renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    incoming = path.with_suffix(f".{suffix}")
    with incoming.open("w") as file:
        json.dump(data, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return incoming


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return data
