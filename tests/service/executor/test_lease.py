"""Who may work: one process on SQLite; on PostgreSQL all that are alive, also after an outage."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from sqlmodel import Session, col, select

from service.adapters.clock import SystemClock
from service.errors import Conflict
from service.executor.executor import Executor
from service.executor.lease import BeatLease, FileLease, Pace
from service.store.engines import open_engines
from service.store.schema import upgrade
from service.store.tables import BeatRow, OrganizationRow
from tests.conftest import PostgresServer
from tests.service.executor.conftest import PATIENCE_S
from tests.twins.ports import MemoryBuilder, MemoryDeployer, MemoryTester, memory_ports

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """\
import sys, time
from service.executor.lease import FileLease
from service.store.engines import open_engines

FileLease(open_engines(sys.argv[1])).take()
print("held", flush=True)
time.sleep(60)
"""
BEATER = """\
import sys, time
from datetime import timedelta
from service.executor.lease import BeatLease, Pace
from service.store.engines import open_engines

pace = Pace(
    beat=timedelta(seconds=0.3),
    dead_after=timedelta(seconds=3),
    poll=timedelta(seconds=0.05),
)
lease = BeatLease(open_engines(sys.argv[1]), pace)
lease.take()
lease.keep(lambda dead: None)
time.sleep(60)
"""


@contextmanager
def started(program: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own, which does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, "-c", program, url],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_one_process_works_on_sqlite_until_it_dies(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bakegate.db'}"
    lease = FileLease(open_engines(url))
    with started(HOLDER, url) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Conflict) as refused:
            lease.take()
        assert str(refused.value) == (
            "another process works on this database and holds "
            f"{tmp_path / 'bakegate.db.lock'}; end it first"
        )
        holder.kill()
        holder.wait()
    lease.take()
    lease.release()


def _beats(url: str) -> dict[str, tuple[datetime, bool]]:
    engines = open_engines(url)
    with Session(engines.write) as session:
        rows = {each.executor: (each.at, each.dead) for each in session.exec(select(BeatRow))}
    engines.dispose()
    return rows


def _until(url: str, wanted: Callable[[dict[str, tuple[datetime, bool]]], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not wanted(_beats(url)):
        assert time.monotonic() < end
        time.sleep(0.1)


def _outage(server: PostgresServer, database: str, seconds: float) -> None:
    """Nobody gets in, and whoever is in is thrown out."""
    with psycopg.connect(server.connection("postgres"), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false'.encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
        )
        time.sleep(seconds)
        admin.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true'.encode())


@contextmanager
def _three_beating(url: str) -> Iterator[tuple[subprocess.Popen[bytes], ...]]:
    """Three processes on a new database, each of which has beaten."""
    engines = open_engines(url)
    upgrade(engines.write)
    engines.dispose()
    with started(BEATER, url) as one, started(BEATER, url) as two, started(BEATER, url) as third:
        _until(url, lambda beats: len(beats) == 3)
        yield one, two, third


@pytest.mark.postgres
@pytest.mark.recovery
def test_after_an_outage_no_live_process_is_declared_dead(
    postgres_server: PostgresServer, postgres_url: Callable[[], str]
) -> None:
    url = postgres_url()
    with _three_beating(url) as (one, two, third):
        _outage(postgres_server, str(make_url(url).database), 4)
        back = datetime.now(UTC)
        # Long enough for everybody to judge everybody.
        _until(url, lambda beats: all(at > back + timedelta(seconds=5) for at, _ in beats.values()))
        assert [dead for _, dead in _beats(url).values()] == [False] * 3
        third.kill()
        _until(url, lambda beats: sum(dead for _, dead in beats.values()) == 1)
        assert (one.poll(), two.poll()) == (None, None)


@pytest.mark.postgres
@pytest.mark.recovery
def test_after_the_database_stood_still_no_live_process_is_declared_dead(
    postgres_server: PostgresServer, postgres_url: Callable[[], str]
) -> None:
    """No call fails: all beats are only late, as when a machine with its database was asleep."""
    url = postgres_url()
    with _three_beating(url) as (one, two, third):
        # Long enough that everybody judges the others.
        time.sleep(4)
        _standstill(postgres_server, str(make_url(url).database), 4)
        back = datetime.now(UTC)
        _until(url, lambda beats: all(at > back + timedelta(seconds=5) for at, _ in beats.values()))
        assert [each.poll() for each in (one, two, third)] == [None] * 3
        assert [dead for _, dead in _beats(url).values()] == [False] * 3


def _standstill(server: PostgresServer, database: str, seconds: float) -> None:
    """Nobody is thrown out, and nobody gets an answer."""
    with psycopg.connect(server.connection(database)) as holder:
        holder.execute("LOCK TABLE beats IN ACCESS EXCLUSIVE MODE")
        time.sleep(seconds)


@pytest.mark.postgres
@pytest.mark.recovery
def test_who_died_before_the_clock_was_set_back_is_found_dead(
    postgres_url: Callable[[], str],
) -> None:
    url = postgres_url()
    engines = open_engines(url)
    upgrade(engines.write)
    with Session(engines.write) as session:
        session.add(BeatRow(executor="w-gone", at=datetime.now(UTC) + timedelta(hours=1)))
        session.commit()
    engines.dispose()
    with started(BEATER, url) as one:
        _until(url, lambda beats: beats["w-gone"][1])
        assert one.poll() is None


@pytest.mark.postgres
@pytest.mark.recovery
def test_who_has_just_begun_finds_the_dead_if_others_saw_the_database(
    postgres_url: Callable[[], str],
) -> None:
    """Where no process lives for long, the last beats of the dead tell of the time before."""
    engines = open_engines(postgres_url())
    upgrade(engines.write)
    pace = Pace(beat=timedelta(seconds=1), dead_after=timedelta(minutes=10))
    lease = BeatLease(engines, pace)
    lease.take()
    now = datetime.now(UTC)

    def beat(minutes: int, *, dead: bool) -> None:
        with Session(engines.write) as session:
            at = now - timedelta(minutes=minutes)
            session.add(BeatRow(executor=f"w-{minutes}", at=at, dead=dead))
            session.commit()

    # Nobody has seen the database from 20 minutes ago to 8, long enough for it to be away.
    for minutes, dead in ((40, False), (20, True), (8, False), (4, True)):
        beat(minutes, dead=dead)
    assert lease._once()
    assert lease._dead() == {"w-20", "w-4"}
    # That somebody has makes the silence of the first its own, however long ago there was a gap.
    beat(12, dead=True)
    assert lease._dead() == {"w-40", "w-20", "w-12", "w-4"}
    lease.release()
    engines.dispose()


class FastClock(SystemClock):
    """The clock of a process that is an hour ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


@pytest.mark.postgres
def test_on_postgresql_now_is_the_database_s(postgres_url: Callable[[], str]) -> None:
    engines = open_engines(postgres_url())
    upgrade(engines.write)
    twins = memory_ports(FastClock(), MemoryBuilder(), MemoryDeployer(), MemoryTester())
    executor = Executor(engines, twins)
    files = {"organization.yaml": "schema: bakegate/organization/v1\nname: corner\n"}
    executor.register_organization(files, "tester")
    with engines.reading() as session:
        at = session.exec(select(OrganizationRow.at).order_by(col(OrganizationRow.id))).one()
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)
    engines.dispose()
