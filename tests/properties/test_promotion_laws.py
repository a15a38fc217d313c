"""Laws of promotions on a real store: any order of events, and the log alone tells the same story.

The durable engine is left out: what it would run is kept in a list, and the test runs it when it
likes, twice when it likes, or only up to the point where a process would have died.
"""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlmodel import Session, col, select

from service.errors import Conflict, NotFound
from service.executor.executor import Executor
from service.executor.ground import Ground
from service.executor.places import Places
from service.executor.sweep import Sweep
from service.promotions.commands import (
    Abort,
    Approve,
    ClearProblem,
    Command,
    Pause,
    ReportProblem,
    Resume,
    Retry,
    RollBack,
)
from service.promotions.decide import ACTING
from service.promotions.model import Effect
from service.store.engines import open_engines
from service.store.schema import upgrade
from service.store.tables import EventRow, PipelineRow, ReleaseRow, RunRow, StageRow
from tests.properties.examples import examples
from tests.service.executor.conftest import ORGANIZATION, PIPELINE
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    MovableClock,
    digest_of,
    memory_ports,
)

STAGES = ("build", "beta", "one-box", "cell-1")
#: Where the newest of these events of a release in a stage leaves it.
STATES = {
    "build.started": "building",
    "deploy.started": "deploying",
    "bake.started": "baking",
    "rollback.started": "rolling_back",
}


@dataclass
class Orders:
    """What was ordered and not yet run, in the place of the durable engine."""

    waiting: list[tuple[str, int, Effect]] = field(default_factory=list)

    def order(self, session: Session, run: RunRow, kind: Effect) -> None:  # noqa: ARG002 - the engine's words
        assert run.id is not None
        self.waiting.append((run.op, run.id, kind))

    def order_back(self, session: Session, run: RunRow) -> None:
        self.order(session, run, Effect.ROLLBACK)


@dataclass
class Told:
    """What the event log says, read from its beginning."""

    outcomes: dict[tuple[str, str], str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    transitions: dict[str, str] = field(default_factory=dict)

    def hear(self, event: EventRow) -> None:
        release, stage, data = event.release or "", event.stage or "", event.data
        match event.kind:
            case "release.ended" | "release.superseded":
                self.releases[release] = data["outcome"]
            case "transition.switched":
                self.transitions[stage] = data["to"]
            case "stage.entered":
                self.active[stage] = release
            case "stage.ended":
                self.outcomes[release, stage] = data["outcome"]
                if self.active.get(stage) == release:
                    del self.active[stage]
            case "deploy.ended" if data["ok"] and stage == "beta":
                self.states[release, stage] = "testing"
            case kind if kind in STATES:
                self.states[release, stage] = STATES[kind]
                if kind == "rollback.started":
                    self._goes_back(release, stage, data["cause"])
            case "stage.retried":
                self._begins_again(release, stage)

    def _goes_back(self, release: str, stage: str, cause: str) -> None:
        """A stage that ended well acts again."""
        self.outcomes.pop((release, stage), None)
        self.active[stage] = release
        if cause == "person":
            self.releases.pop(release, None)

    def _begins_again(self, release: str, stage: str) -> None:
        self.releases.pop(release, None)
        self.outcomes.pop((release, stage), None)
        self.states[release, stage] = "waiting"
        for place, outcome in list(self.outcomes.items()):
            if place[0] == release and outcome == "aborted" and place not in self.states:
                del self.outcomes[place]


@cache
def _empty() -> bytes:
    """A database that is up to date and without content; to make one takes longer than a step."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "bakegate.db")
        engines = open_engines(f"sqlite:///{made}")
        upgrade(engines.write)
        engines.dispose()
        return made.read_bytes()


class Promotions(RuleBasedStateMachine):
    """Releases, effects that end or die, traffic, time and switches in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bakegate-laws-"))
        database = self.folder / "bakegate.db"
        database.write_bytes(_empty())
        self.engines = open_engines(f"sqlite:///{database}")
        self.clock, self.builder = MovableClock(), MemoryBuilder()
        self.deployer, self.tester = MemoryDeployer(), MemoryTester()
        ports = memory_ports(self.clock, self.builder, self.deployer, self.tester)
        self.orders = Orders()
        self.executor = Executor(self.engines, ports)
        # The orders stand in for the engine: nothing else of it is used here.
        engine: Any = self.orders
        self.executor.ground = Ground(self.engines, ports, engine)
        self.executor._places = Places(self.executor.ground)
        self.executor.sweep = Sweep(self.executor.ground)
        self.executor.register_organization(ORGANIZATION, "tester")
        self.executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
        self.ended: dict[str, str] = {}

    def teardown(self) -> None:
        self.engines.dispose()
        shutil.rmtree(self.folder)

    @rule(letter=st.sampled_from("abcd"))
    def submit(self, letter: str) -> None:
        self.executor.submit("shop", letter * 40, "tester")

    @precondition(lambda self: self.orders.waiting)
    @rule(which=st.integers(0, 9), attempts=st.integers(1, 2), reports=st.integers(0, 2))
    def run_effect(self, which: int, attempts: int, reports: int) -> None:
        """An effect is tried again after a crash, and may report once, twice or not yet."""
        ordered = self.orders.waiting[which % len(self.orders.waiting)]
        result = None
        for _ in range(attempts):
            result = self.executor.perform(*ordered)
        for _ in range(reports if result is not None else 0):
            self.executor.report(*ordered, result or {})
        if reports or result is None:
            self.orders.waiting.remove(ordered)

    @rule()
    def all_goes_on(self) -> None:
        """Everything that is ordered is done, and what follows from it."""
        while self.orders.waiting:
            ordered = self.orders.waiting.pop(0)
            result = self.executor.perform(*ordered)
            if result is not None:
                self.executor.report(*ordered, result)

    @rule(letter=st.sampled_from("abcd"), where=st.sampled_from(["build", "deploy", "test"]))
    def goes_bad(self, letter: str, where: str) -> None:
        digest = digest_of(letter * 40)
        match where:
            case "build":
                self.builder.failing.add(letter * 40)
            case "deploy":
                self.deployer.failing.add(digest)
            case _:
                self.tester.failing.add(("beta", digest))

    @rule(steps=st.integers(1, 14), negative=st.sampled_from([0, 0, 0, 10]))
    def time_passes(self, steps: int, negative: int) -> None:
        for _ in range(steps):
            self.clock.move(timedelta(seconds=5))
            for (pipeline, stage, target), hosts in list(self.deployer.placed.items()):
                for digest in {each for each in hosts if each}:
                    self.executor.record_data_points(pipeline, stage, target, digest, 20, negative)
            self.executor.sweep.once()

    @rule(negative=st.sampled_from([0, 0, 10]))
    def a_few_minutes_pass(self, negative: int) -> None:
        """Long enough to bake in both stages of customers, while effects are done at once."""
        for _ in range(16):
            self.all_goes_on()
            self.time_passes(2, 0)
        self.time_passes(1, negative)

    @rule(stage=st.sampled_from(STAGES), mode=st.sampled_from(["automatic", "manual"]))
    def switch(self, stage: str, mode: str) -> None:
        self.executor.switch_transition("shop", stage, mode, "because", "tester")

    @precondition(lambda self: self.executor.releases("shop", 1))
    @rule(
        which=st.integers(0, 3),
        stage=st.sampled_from(STAGES),
        act=st.sampled_from([Approve, RollBack, Abort, Retry, ReportProblem]),
    )
    def somebody_acts(self, which: int, stage: str, act: Any) -> None:
        """A person speaks about one of the newest releases; what makes no sense is refused."""
        lines = self.executor.releases("shop", 4)
        release = lines[which % len(lines)].id
        commands: dict[Any, Command] = {
            Approve: Approve(release, stage),
            RollBack: RollBack(release, "because", stage),
            Abort: Abort(release, "because"),
            Retry: Retry(release, stage, "because"),
            ReportProblem: ReportProblem(release, "strange"),
        }
        with suppress(Conflict, NotFound):
            self.executor.carry_out(commands[act], "somebody")
            if act in {RollBack, Retry}:
                self.ended.pop(release, None)

    @rule()
    def problems_are_cleared(self) -> None:
        for line in self.executor.releases("shop", 100):
            for problem in self.executor.release(line.id).problems:
                if not problem.cleared_by:
                    self.executor.carry_out(ClearProblem(problem.id, "nothing"), "somebody")

    @rule(stage=st.sampled_from(["", *STAGES]))
    def a_pause_begins_and_ends(self, stage: str) -> None:
        pause = self.executor.carry_out(Pause("because", "shop", stage), "somebody")
        self.all_goes_on()
        self.executor.carry_out(Resume(pause), "somebody")

    @invariant()
    def one_release_acts_in_a_stage_and_none_is_forgotten(self) -> None:
        with self.engines.reading() as session:
            runs = session.exec(select(RunRow).where(RunRow.outcome == "")).all()
        acting = [run.stage for run in runs if run.state in ACTING]
        waiting = [run.stage for run in runs if run.state not in ACTING]
        assert len(acting) == len(set(acting))
        assert len(waiting) == len(set(waiting))
        assert all(run.due is not None for run in runs)

    @invariant()
    def what_has_ended_stays_ended(self) -> None:
        with self.engines.reading() as session:
            ended = {row.id: row.outcome for row in session.exec(select(ReleaseRow)) if row.outcome}
        assert self.ended.items() <= ended.items()
        self.ended = ended

    @invariant()
    def the_log_tells_the_same_as_the_tables(self) -> None:
        told = Told()
        with self.engines.reading() as session:
            events = session.exec(select(EventRow).order_by(col(EventRow.sequence))).all()
            pipeline = session.exec(select(PipelineRow)).one()
            runs = session.exec(select(RunRow)).all()
            stages = session.exec(select(StageRow)).all()
            releases = session.exec(select(ReleaseRow)).all()
        assert [event.sequence for event in events] == list(range(1, pipeline.sequence + 1))
        for event in events:
            told.hear(event)
        assert told.releases == {each.id: each.outcome for each in releases if each.outcome}
        assert told.outcomes == {(r.release, r.stage): r.outcome for r in runs if r.outcome}
        for run in runs:
            if not run.outcome:
                assert told.states.get((run.release, run.stage), "waiting") == run.state
        names = {run.id: run.release for run in runs}
        assert told.active == {each.stage: names[each.active] for each in stages if each.active}
        for each in stages:
            assert told.transitions.get(each.stage, "automatic") == each.transition


# Each step writes to a real file several times, so few runs of many steps.
TestPromotions = Promotions.TestCase
TestPromotions.settings = settings(
    max_examples=examples(10, 300), stateful_step_count=20, deadline=None
)
