"""An executor on a real database, with twins behind its ports and a clock to move."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copy
from typing import Final

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

_LONG: Final = os.environ.get("BAKEGATE_RECOVERY") == "long"
_DATABASES: Final = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))

#: Effects are looked for often, so that tests need not wait for them.
PACE = Pace(poll=timedelta(seconds=0.05))
#: The release that is everywhere when a test that is marked as ``served`` begins: of commit a.
FIRST: Final = "shop:1"
#: For how long tests wait for what takes a moment, so that a busy machine fails none that is right.
PATIENCE_S: Final = 180


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
        """Wait until no effect is under way; fails the test when that takes minutes."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with self.engines.reading() as session:
                asked = select(RunRow).where(RunRow.op != "", RunRow.outcome == "")
                if session.exec(asked).first() is None:
                    return
            time.sleep(0.02)
        pytest.fail(f"an effect did not end within {PATIENCE_S} s")

    def passing(self, seconds: int, *, negative: int = 0, positive: int = 20) -> None:
        """Let time pass in steps of five seconds, with traffic on everything that runs."""
        for _ in range(seconds // 5):
            self._pass(5, positive, negative)

    def _pass(self, seconds: int, positive: int, negative: int) -> None:
        self.clock.move(timedelta(seconds=seconds))
        self.traffic(positive, negative)
        self.executor.sweep.once()
        self.settle()

    def through(self, letter: str) -> str:
        """A release that reaches every stage, in the longest steps in which alarms know enough."""
        release = self.submit(letter)
        for _ in range(20):
            if self.release(release).outcome:
                break
            self._pass(10, 20, 0)
        assert self.release(release).outcome == "succeeded"
        return release

    def until(self, name: str, stage: str, state: str, *, seconds: int = 0) -> None:
        """Wait for a state in which an effect is under way, letting so much time pass with it."""
        end = time.monotonic() + PATIENCE_S
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
    durable, end = executor.ground.durable, time.monotonic() + PATIENCE_S
    # What waits may be begun while it is looked what is begun.
    left = ["ENQUEUED", "PENDING"]
    while (
        durable.client.list_workflows(status=left, load_input=False, load_output=False)
        and time.monotonic() < end
    ):
        time.sleep(0.02)
    durable.stop(0)


def _opened(url: str, before: Field | None = None) -> Field:
    """A registered pipeline on a running executor whose time only moves when the test says so.

    What is in the database was done ``before``, and the twins remember it.
    """
    engines = open_engines(url)
    clock, notifier = MovableClock(), MemoryNotifier()
    builder, deployer, tester = MemoryBuilder(), MemoryDeployer(), MemoryTester()
    if before:
        clock = MovableClock(before.clock.now())
        builder.done, builder.built = dict(before.builder.done), list(before.builder.built)
        done = before.deployer
        deployer.placed = {place: list(hosts) for place, hosts in done.placed.items()}
        deployer.highest, deployer.results = dict(done.highest), dict(done.results)
        deployer.changes, tester.done = list(done.changes), dict(before.tester.done)
        notifier.letters = list(before.notifier.letters)
    executor = Executor(engines, memory_ports(clock, builder, deployer, tester, notifier), PACE)
    if not before:
        executor.register_organization(ORGANIZATION, "tester")
        executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    executor.ground.durable.launch(executor)
    return Field(executor, clock, builder, deployer, tester, engines, notifier)


def _close(field: Field) -> None:
    _let_end(field.executor)
    field.engines.dispose()


def _serve(url: str) -> Field:
    """Bring a first release everywhere; what is left of it is what the twins remember."""
    field = _opened(url)
    field.through("a")
    _close(field)
    return field


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


@pytest.fixture(scope="session")
def sqlite_served(sqlite_template: Path) -> tuple[Path, Field]:
    made = Path(copy(sqlite_template, sqlite_template.with_name("served.db")))
    return made, _serve(f"sqlite:///{made}")


@pytest.fixture(scope="session")
def postgres_served(postgres_server: PostgresServer, postgres_template: str) -> tuple[str, Field]:
    with psycopg.connect(postgres_server.connection("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE served TEMPLATE {postgres_template}".encode())
    return "served", _serve(postgres_server.url("served"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On which databases a test runs that asks for one.

    ``make recovery`` runs each on both. ``make test`` does so with those that are marked: what
    depends on the database, and for each kind of thing that is stored one that writes and reads it.
    """
    named = any(
        "origin" in each.args[0] for each in metafunc.definition.iter_markers("parametrize")
    )
    if "origin" in metafunc.fixturenames and not named:
        both = _LONG or metafunc.definition.get_closest_marker("both_databases")
        metafunc.parametrize("origin", _DATABASES[: 2 if both else 1], indirect=True)


@dataclass(frozen=True)
class Origin:
    """What the database of a test is a copy of, and what was done in it before."""

    template: Path | str
    before: Field | None = None


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> Origin:
    """A database that is up to date; without content, unless the test is marked as ``served``."""
    kind = "sqlite" if request.param == "sqlite" else "postgres"
    if request.node.get_closest_marker("served"):
        return Origin(*request.getfixturevalue(f"{kind}_served"))
    return Origin(request.getfixturevalue(f"{kind}_template"))


@pytest.fixture
def database(request: pytest.FixtureRequest, origin: Origin, tmp_path: Path) -> str:
    """The URL of a database of the test's own."""
    if isinstance(origin.template, Path):
        return f"sqlite:///{copy(origin.template, tmp_path / 'bakegate.db')}"
    fresh: Callable[[str], str] = request.getfixturevalue("postgres_url")
    return fresh(origin.template)


@pytest.fixture
def field(database: str, origin: Origin) -> Iterator[Field]:
    """A running executor with a pipeline; ``served`` says that its first release is everywhere."""
    made = _opened(database, origin.before)
    yield made
    _close(made)
