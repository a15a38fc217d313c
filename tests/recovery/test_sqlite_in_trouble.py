"""SQLite whose disk is full, or whose file another process has locked: said clearly, and gone on.

The limits are set on every connection as it is taken from its pool, so that they hold for the
durable engine's connections as well as for ours.
"""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import repeat, starmap
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from service.adapters.clock import SystemClock
from service.errors import Unavailable
from service.executor.executor import Executor
from service.promotions import ports
from service.store.engines import open_engines
from service.store.schema import upgrade
from tests.service.executor.conftest import ORGANIZATION, PIPELINE
from tests.twins.ports import MemoryBuilder, MemoryDeployer, MemoryTester, memory_ports

pytestmark = pytest.mark.recovery

#: No page of a file has a higher number.
_ANY = 1_000_000


@dataclass
class Disk:
    """An executor that drives itself, on a file that may not grow beyond ``pages``."""

    path: Path
    pages: int = _ANY
    busy_ms: int = 30_000
    builder: MemoryBuilder = field(default_factory=MemoryBuilder)
    deployer: MemoryDeployer = field(default_factory=MemoryDeployer)
    tester: MemoryTester = field(default_factory=MemoryTester)

    def __post_init__(self) -> None:
        self.engines = open_engines(f"sqlite:///{self.path}")
        upgrade(self.engines.write)
        for engine in (self.engines.write, self.engines.read, self.engines.durable):
            event.listen(engine, "checkout", self._limit)
        twins = memory_ports(SystemClock(), self.builder, self.deployer, self.tester)
        self.executor = Executor(self.engines, twins)
        self.executor.register_organization(ORGANIZATION, "tester")
        self.executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")

    def _limit(self, connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={self.pages}").fetchone()
        connection.execute(f"PRAGMA busy_timeout={self.busy_ms}").fetchone()

    def fill(self) -> None:
        """Take what room is left, as other programs on the same disk do."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS filler (text)")
            (self.pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count={self.pages}").fetchone()
            one_by_one = repeat(("INSERT INTO filler VALUES (zeroblob(100))",))
            with pytest.raises(sqlite3.OperationalError, match="full"):
                list(starmap(connection.execute, one_by_one))
            connection.commit()

    def submit(self, letter: str) -> str:
        return self.executor.submit("shop", letter * 40, "tester")

    def make_room(self) -> None:
        self.pages = _ANY

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "bakegate.db")
    made.executor.start()
    made.until(lambda: not made.executor.ready())
    yield made
    made.executor.stop()
    made.engines.dispose()


def state(disk: Disk, release: str, stage: str) -> str:
    for run in disk.executor.release(release).runs:
        if run.stage == stage:
            return run.outcome or run.state
    return ""


FULL = "the database cannot be used now: its disk is full; make room on it"


def test_a_full_disk_is_said_and_left_behind(disk: Disk) -> None:
    disk.fill()
    with pytest.raises(Unavailable) as refused:
        # Until what is left of the last page is used up.
        list(map(disk.submit, "0123456789abcdef"))
    assert str(refused.value) == FULL
    assert disk.executor.ready() == FULL
    # Reading still works, and nothing of what was refused is there.
    before = disk.executor.releases("shop", 100)
    time.sleep(1)
    assert disk.executor.ready() == FULL
    disk.make_room()
    disk.until(lambda: not disk.executor.ready())
    release = disk.submit("f")
    assert release == f"shop:{len(before) + 1}"
    disk.until(lambda: state(disk, release, "beta") == "succeeded")


def test_a_disk_that_fills_up_while_an_effect_runs_loses_nothing(disk: Disk) -> None:
    disk.tester.valve.close("beta")
    release = disk.submit("a")
    disk.until(lambda: state(disk, release, "beta") == "testing")
    # More than fits into what is left of the pages that there are.
    long = ports.TestResult(ok=True, message="passed " * 10_000, evidence=())
    disk.tester.done[f"{release}/beta/beta:test"] = long
    disk.fill()
    disk.tester.valve.open()
    # The tests have passed, and neither the engine nor we can write it down.
    time.sleep(3)
    assert state(disk, release, "beta") == "testing"
    disk.make_room()
    disk.until(lambda: state(disk, release, "one-box") == "baking")
    assert state(disk, release, "beta") == "succeeded"
    assert disk.builder.built == [f"{release}:build"]
    hosts = [(key, host) for key, host in disk.deployer.changes if "/beta/" in key]
    assert len(hosts) == len(set(hosts)) == 3


LOCKER = """\
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes to the file and does not come to an end."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            process.communicate("\n", timeout=120)


def test_a_file_that_another_process_locks_for_long_is_waited_for(disk: Disk) -> None:
    long = os.environ.get("BAKEGATE_RECOVERY") == "long"
    disk.busy_ms = 30_000 if long else 200
    disk.tester.valve.close("beta")
    release = disk.submit("a")
    disk.until(lambda: state(disk, release, "beta") == "testing")
    with locked(disk.path):
        disk.tester.valve.open()
        thread = threading.Thread(target=lambda: time.sleep(40 if long else 2))
        thread.start()
        with pytest.raises(Unavailable, match="another process has locked it"):
            disk.submit("b")
        assert "another process has locked it" in disk.executor.ready()
        thread.join()
    disk.until(lambda: state(disk, release, "one-box") == "baking", 120)
    assert not disk.executor.ready()
    assert disk.submit("b") == "shop:2"


def test_a_full_disk_is_said_though_nothing_is_to_be_written(disk: Disk) -> None:
    disk.fill()
    assert not disk.executor.ready()
    # It is tried every ten seconds; a test need not wait for it.
    disk.executor.sweep._care_at = 0
    disk.until(lambda: disk.executor.ready() == FULL)
    disk.make_room()
    disk.until(lambda: not disk.executor.ready())
