"""An executor on a real database, with twins behind its ports and a clock to move."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copy

import psycopg
import pytest
from sqlmodel import select

from policies.rule import BlocklistEntry
from service.executor.executor import Executor
from service.executor.lease import Pace
from service.promotions.views import ReleaseView
from service.store.engines import Engines, open_engines
from service.store.schema import upgrade
from service.store.tables import RunRow, StageRow
from tests.conftest import PostgresServer
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryNotifier,
    MemoryTester,
    MovableClock,
    memory_ports,
)
from tests.twins.shop import PIPELINE, organization

__all__ = ["PIPELINE"]

ORGANIZATION = organization()

#: Effects are looked for often, so that tests need not wait for them.
PACE = Pace(poll=timedelta(seconds=0.05))


@dataclass
class Field:
    """What a test does with an executor: submit, let effects finish, let time pass with traffic."""

    executor: Executor
    clock: MovableClock
    builder: MemoryBuilder
    deployer: MemoryDeployer
    tester: MemoryTester
    engines: Engines
    notifier: MemoryNotifier

    def submit(self, letter: str) -> str:
        """A release of the commit that is one letter, forty times; gives its id when it rests."""
        release = self.executor.submit("shop", letter * 40, "tester")
        self.settle()
        return release

    def settle(self) -> None:
        """Wait until no effect is under way; fails the test when that takes half a minute."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with self.engines.reading() as session:
                asked = select(RunRow).where(RunRow.op != "", RunRow.outcome == "")
                if session.exec(asked).first() is None:
                    return
            time.sleep(0.02)
        pytest.fail("an effect did not end within 30 s")

    def passing(self, seconds: int, *, negative: int = 0, positive: int = 20) -> None:
        """Let time pass in steps of five seconds, with traffic on everything that runs."""
        for _ in range(seconds // 5):
            self.clock.move(timedelta(seconds=5))
            self.traffic(positive, negative)
            self.executor.sweep.once()
            self.settle()

    def until(self, name: str, stage: str, state: str, *, seconds: int = 0) -> None:
        """Wait for a state in which an effect is under way, letting so much time pass with it."""
        end = time.monotonic() + 30
        while self.state(name, stage) != state and time.monotonic() < end:
            if seconds:
                self.clock.move(timedelta(seconds=seconds))
                self.traffic(20, 0)
                self.executor.sweep.once()
            time.sleep(0.02)
        assert self.state(name, stage) == state

    def traffic(self, positive: int, negative: int) -> None:
        """Answers of everything that runs in production."""
        for (pipeline, stage, target), hosts in list(self.deployer.placed.items()):
            if stage != "beta" and positive + negative:
                for digest in {each for each in hosts if each}:
                    self.executor.record_data_points(
                        pipeline, stage, target, digest, positive, negative
                    )

    def release(self, name: str) -> ReleaseView:
        return self.executor.release(name)

    def state(self, name: str, stage: str) -> str:
        """The outcome of a release in a stage, else its state, else nothing."""
        runs = [run for run in self.release(name).runs if run.stage == stage]
        return (runs[0].outcome or runs[0].state) if runs else ""

    def stage(self, name: str) -> StageRow:
        with self.engines.reading() as session:
            return session.get_one(StageRow, ("shop", name))

    def block(self, package: str, versions: str) -> None:
        entry = BlocklistEntry("bl-1", "too slow", "security", package=package, versions=versions)
        self.executor.add_blocklist(entry, "tester")
        self.settle()


def prepare(url: str) -> None:
    """Bring a database up to date and launch the engine on it once, which takes a second.

    Only the first launch does: it waits until the engine has found its new queue.
    """
    engines = open_engines(url)
    upgrade(engines.write)
    twins = memory_ports(MovableClock(), MemoryBuilder(), MemoryDeployer(), MemoryTester())
    executor = Executor(engines, twins, PACE)
    executor.ground.durable.launch(executor)
    executor.ground.durable.stop(0)
    engines.dispose()


def _let_end(executor: Executor) -> None:
    """Let the engine write down how the last effect ended, on connections that must not be lost.

    It would look by itself whether that is done, but only after a second.
    """
    durable, end = executor.ground.durable, time.monotonic() + 10
    while (
        durable.client.list_workflows(status="PENDING", load_input=False, load_output=False)
        and time.monotonic() < end
    ):
        time.sleep(0.02)
    durable.stop(0)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("template") / "bakegate.db"
    prepare(f"sqlite:///{made}")
    return made


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    with psycopg.connect(postgres_server.connection("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE launched")
    prepare(postgres_server.url("launched"))
    return "launched"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of each kind, up to date and without content."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        return f"sqlite:///{copy(template, tmp_path / 'bakegate.db')}"
    fresh: Callable[[str], str] = request.getfixturevalue("postgres_url")
    return fresh(request.getfixturevalue("postgres_template"))


@pytest.fixture
def field(database: str) -> Iterator[Field]:
    """A registered pipeline on a running executor whose time only moves when the test says so."""
    engines = open_engines(database)
    upgrade(engines.write)
    clock = MovableClock()
    builder, deployer, tester = MemoryBuilder(), MemoryDeployer(), MemoryTester()
    notifier = MemoryNotifier()
    ports = memory_ports(clock, builder, deployer, tester, notifier)
    executor = Executor(engines, ports, PACE)
    executor.register_organization(ORGANIZATION, "tester")
    executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    executor.ground.durable.launch(executor)
    yield Field(executor, clock, builder, deployer, tester, engines, notifier)
    _let_end(executor)
    engines.dispose()
