"""A release that is killed at any boundary ends as it would have, and nothing is done twice."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from service.adapters.artifacts import ArtifactStore
from service.adapters.hosts import LocalDeployer
from tests.recovery.worker import CELLS

pytestmark = pytest.mark.recovery

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("worker.py")
SERVER = """\
import os, socket
listening = socket.create_server(("127.0.0.1", int(os.environ["BAKEGATE_PORT"])))
while True:
    listening.accept()[0].close()
"""
#: What one release does outside, once each, in this order.
EFFECTS = ["shop:1:build", "shop:1/beta/beta:test"]
#: The hosts that it starts, by what their own processes wrote.
STARTS = [
    ("shop:1/beta/beta:deploy", "beta-1"),
    ("shop:1/beta/beta:deploy", "beta-2"),
    *((f"shop:1/{cell}/{cell}:deploy", f"{cell}-1") for cell in CELLS),
]
#: The submission's commit, then for each effect (build, two batches, test, one for each cell) six
#: commits (claimed by queue and run, journaled, reported, journaled, ended) and one call of a port;
#: each has two sides.
BOUNDARIES = 2 * (1 + (4 + len(CELLS)) * (6 + 1))
#: How many releases are promoted beside each other; they mostly wait.
_BESIDE = 6
#: The short form takes one boundary of so many. An effect has 14, so that every fifth is once of
#: each kind, at one effect or another.
_SPARSE = {"sqlite": 5, "postgresql": 17}


@dataclass(frozen=True, slots=True)
class Nursery:
    """Processes that fork one worker after the other, so that imports are paid for once."""

    folder: Path
    free: SimpleQueue[subprocess.Popen[str]]

    def work(self, url: str, folder: Path, kill_at: int) -> tuple[int, str]:
        """The exit status of a worker and what it said."""
        nurse = self.free.get()
        try:
            assert nurse.stdin
            assert nurse.stdout
            nurse.stdin.write(f"{url} {folder} {kill_at}\n")
            nurse.stdin.flush()
            status, _, said = nurse.stdout.readline().partition(" ")
        finally:
            self.free.put(nurse)
        return int(status), said.strip()

    def undisturbed(self, url: str) -> int:
        """Promote a release without a kill; gives how many boundaries it has."""
        folder = self._fresh("undisturbed")
        status, said = self.work(url, folder, 0)
        outcome, _, passed = said.partition(" ")
        assert (status, outcome) == (0, "succeeded"), said
        self._judge(folder)
        return int(passed)

    def killed_at(self, kill_at: int, url: str) -> None:
        """Kill a release at one boundary, let a second process finish it, and count outside."""
        folder = self._fresh(str(kill_at))
        assert self.work(url, folder, kill_at) == (-9, "")
        status, said = self.work(url, folder, 0)
        assert (status, said.partition(" ")[0]) == (0, "succeeded"), said
        self._judge(folder)

    def _fresh(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        shutil.copy(self.folder / "app.tar.gz", folder)
        return folder

    @staticmethod
    def _judge(folder: Path) -> None:
        """Everything was done once, by what builder, tester and hosts themselves wrote down."""
        LocalDeployer(folder / "hosts", ArtifactStore(folder / "artifacts")).end_all()
        starts = map(json.loads, (folder / "hosts" / "starts.jsonl").read_text().splitlines())
        assert [(each["key"], each["host"]) for each in starts] == STARTS
        assert (folder / "done").read_text().splitlines() == EFFECTS


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    with tarfile.open(tmp_path / "app.tar.gz", "w:gz") as archive:
        start = f"#!/bin/sh\nexec {sys.executable} -I -S -E server.py\n"
        for name, text in {"start": start, "server.py": SERVER}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o755
            archive.addfile(info, io.BytesIO(text.encode()))
    free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
    nurses = [_nurse() for _ in range(_BESIDE)]
    for nurse in nurses:
        free.put(nurse)
    yield Nursery(tmp_path, free)
    for nurse in nurses:
        nurse.communicate(timeout=60)


def _nurse() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKER)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_each(nursery: Nursery, boundaries: range, url: Callable[[int], str]) -> None:
    """Kill a release of its own at each of the boundaries; ``url`` gives the database of one."""
    with ThreadPoolExecutor(_BESIDE) as pool:
        started = {at: pool.submit(nursery.killed_at, at, url(at)) for at in boundaries}
        failed = {at: error for at, each in started.items() if (error := each.exception())}
    assert failed == {}


def chosen(passed: int, database: str) -> range:
    """The boundaries to be killed at: in the long form every one that was passed."""
    long = os.environ.get("BAKEGATE_RECOVERY") == "long"
    return range(1, passed + 1, 1 if long else _SPARSE[database])


def test_killed_at_boundaries_on_sqlite(nursery: Nursery, tmp_path: Path) -> None:
    made = tmp_path / "made.db"
    assert nursery.work(f"sqlite:///{made}", tmp_path, -1) == (0, "made")

    def copied(number: int) -> str:
        return f"sqlite:///{shutil.copy(made, tmp_path / f'{number}.db')}"

    passed = nursery.undisturbed(copied(0))
    assert passed == BOUNDARIES
    kill_each(nursery, chosen(passed, "sqlite"), copied)


@pytest.mark.postgres
def test_killed_at_boundaries_on_postgresql(
    nursery: Nursery, postgres_url: Callable[[], str]
) -> None:
    """On the way the successor finds its predecessor dead."""
    passed = nursery.undisturbed(postgres_url())
    kill_each(nursery, chosen(passed, "postgresql"), lambda _: postgres_url())
