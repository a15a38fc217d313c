"""Laws of ``decide``: whatever happens in whatever order, a run's history is a legal one."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from policies.findings import Verdict
from policies.pipeline import Target
from policies.rules.fault_domain_isolation import FaultDomainIsolation
from service.promotions.decide import ACTING, decide, targets_now
from service.promotions.domains import ANYWHERE, Domains
from service.promotions.model import (
    Alarmed,
    Baked,
    Blocked,
    Built,
    Effect,
    Entered,
    Errored,
    Event,
    Log,
    Moved,
    Moving,
    Next,
    Outcome,
    Plan,
    Progress,
    State,
    Stopped,
    Wait,
    Withdrawn,
)
from service.promotions.model import (
    Tested as SuitesRan,  # pytest would take the name for a test
)

#: Where a run may go from each state; None is the end.
LEGAL: dict[State, set[State | None]] = {
    State.WAITING: {
        State.WAITING,
        State.BUILDING,
        State.DEPLOYING,
        State.TESTING,
        State.BAKING,
        None,
    },
    State.BUILDING: {None},
    State.DEPLOYING: {
        State.DEPLOYING,
        State.TESTING,
        State.BAKING,
        State.ROLLING_BACK,
        None,
    },
    State.TESTING: {State.BAKING, State.ROLLING_BACK, None},
    State.BAKING: {State.BAKING, State.ROLLING_BACK, None},
    State.ROLLING_BACK: {State.ROLLING_BACK, None},
}
#: The effect whose report each state waits for.
EFFECTS = {
    State.BUILDING: {Effect.BUILD},
    State.DEPLOYING: {Effect.DEPLOY, Effect.ABORT},
    State.TESTING: {Effect.TEST},
    State.ROLLING_BACK: {Effect.ROLLBACK},
}
TARGETS = ("cell-1", "cell-2", "cell-3")
#: Two zones of one region, of which only one may change at a time.
APART = Domains(
    (
        Target("cell-1", "eu", "a"),
        Target("cell-2", "eu", "b"),
        Target("cell-3", "eu", "a"),
    ),
    1,
    FaultDomainIsolation(),
)

words = st.sampled_from(["", "it broke"])
moving = st.builds(
    Moving,
    st.sampled_from(TARGETS),
    st.sampled_from(["running", "succeeded", "failed"]),
    st.integers(0, 3),
    st.just(3),
    words,
    st.sampled_from(["", "failure", "deadline"]),
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Entered, st.sampled_from(list(Verdict)), words),
    st.builds(Built, st.booleans(), words),
    st.builds(Moved, st.lists(moving, min_size=1, max_size=2).map(tuple)),
    st.builds(Stopped, st.lists(moving, min_size=1, max_size=2).map(tuple), words),
    st.builds(SuitesRan, st.booleans(), words),
    st.builds(Baked, st.booleans(), st.booleans(), st.booleans(), words),
    st.builds(Alarmed, words),
    st.builds(Errored, words),
    st.builds(Withdrawn, words, st.sampled_from(["release", "person"])),
    st.builds(Blocked, words),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    builds = draw(st.booleans())
    deploys = not builds and draw(st.booleans())
    return Plan(
        builds=builds,
        deploys=deploys,
        tests=not builds and draw(st.booleans()),
        bakes=deploys and draw(st.booleans()),
        targets=TARGETS[: draw(st.integers(1, 3))],
        good=draw(st.sampled_from(["", "sha256:good"])) if deploys else "",
        parallel=draw(st.integers(1, 3)),
        back_on=draw(st.frozensets(st.sampled_from(["failure", "deadline", "alarm"]))),
        domains=draw(st.sampled_from([ANYWHERE, APART])),
    )


@dataclass
class Run:
    """A run as the transition keeps it: what ``decide`` last said."""

    plan: Plan
    state: State | None = State.WAITING
    progress: Progress = ()
    outcome: Outcome | None = None
    log: list[Log] = field(default_factory=list)

    def happens(self, event: Event) -> Next | None:
        if self.state is None:
            return None
        step = decide(self.state, event, self.plan, self.progress)
        if step:
            self.state, self.outcome = step.state, step.outcome
            self.progress = step.progress if step.progress is not None else self.progress
            self.log += step.log
        return step


@given(plans(), st.lists(events, max_size=30))
def test_every_step_is_legal_and_says_what_it_waits_for(plan: Plan, happening: list[Event]) -> None:
    run = Run(plan)
    for event in happening:
        before = run.state
        step = run.happens(event)
        if step is None or before is None:
            continue
        assert step.state in LEGAL[before]
        assert (step.state is None) == (step.outcome is not None)
        if step.state in EFFECTS:
            assert step.effect in EFFECTS[step.state]
            assert step.wait is Wait.EFFECT
        elif step.state is not None:
            assert step.effect is None
            assert step.wait is (Wait.GATE if step.state is State.WAITING else Wait.BAKE)


@given(plans(), st.lists(events, max_size=30))
def test_nothing_is_restored_without_an_earlier_artifact(
    plan: Plan, happening: list[Event]
) -> None:
    run = Run(plan)
    for event in happening:
        run.happens(event)
        assert run.state is not State.ROLLING_BACK or plan.good
    assert run.outcome is not Outcome.ROLLED_BACK or plan.good


@given(plans(), st.lists(events, max_size=30))
def test_the_log_tells_how_a_run_ended_and_tells_it_once(
    plan: Plan, happening: list[Event]
) -> None:
    run = Run(plan)
    for event in happening:
        run.happens(event)
    ends = [entry.data["outcome"] for entry in run.log if entry.kind == "stage.ended"]
    assert ends == ([run.outcome] if run.outcome else [])
    assert [entry.kind for entry in run.log].count("stage.entered") <= 1


@given(plans(), st.lists(events, max_size=30))
def test_a_closed_gate_lets_nothing_in(plan: Plan, happening: list[Event]) -> None:
    run = Run(plan)
    for event in happening:
        opens = isinstance(event, Entered) and event.verdict < Verdict.HOLD
        before = run.state
        run.happens(event)
        if before is State.WAITING and run.state in ACTING:
            assert opens


@given(plans(), st.lists(events, max_size=30))
def test_no_more_targets_change_at_once_than_the_stage_allows(
    plan: Plan, happening: list[Event]
) -> None:
    run = Run(plan)
    for event in happening:
        run.happens(event)
        if run.state is State.DEPLOYING and not targets_now(plan, run.progress, Effect.ABORT):
            now = targets_now(plan, run.progress, Effect.DEPLOY)
            assert 1 <= len(now) <= plan.parallel
            assert {each.target for each in run.progress}.issuperset(now)
            assert plan.domains.limits is None or len({each == "cell-2" for each in now}) == 1


@given(plans())
def test_what_goes_well_ends_well(plan: Plan) -> None:
    """Each effect that reports success brings the run one step nearer to its end."""
    run = Run(plan)
    run.happens(Entered(Verdict.ALLOW))
    for _ in range(20):
        match run.state:
            case State.BUILDING:
                run.happens(Built(ok=True, message=""))
            case State.DEPLOYING:
                turn = targets_now(plan, run.progress, Effect.DEPLOY)
                run.happens(Moved(tuple(Moving(each, "succeeded", 3, 3) for each in turn)))
            case State.TESTING:
                run.happens(SuitesRan(ok=True, message=""))
            case State.BAKING:
                run.happens(Baked(over=True, still=False, was_still=False, message=""))
    assert run.outcome is Outcome.SUCCEEDED


@given(plans(), st.lists(events, max_size=30))
def test_nothing_ends_while_a_target_is_still_being_changed(
    plan: Plan, happening: list[Event]
) -> None:
    """Unless it went wrong technically, or the way back is under way, which fences it anyway."""
    run = Run(plan)
    for event in happening:
        before = run.state
        run.happens(event)
        if before is State.DEPLOYING and run.outcome in {Outcome.FAILED, Outcome.ABORTED}:
            assert {each.state for each in run.progress} <= {"succeeded", "failed"}


@given(plans(), st.lists(events, max_size=30), words)
def test_a_persons_abort_is_no_failure(plan: Plan, happening: list[Event], word: str) -> None:
    run = Run(plan)
    for event in happening:
        run.happens(event)
    stopping = targets_now(plan, run.progress, Effect.ABORT)
    if run.state in {None, State.ROLLING_BACK} or (run.state is State.DEPLOYING and stopping):
        return
    step = run.happens(Withdrawn(word, "person"))
    assert step is not None
    if step.effect is Effect.ABORT:
        turn = targets_now(plan, run.progress, Effect.ABORT)
        run.happens(Stopped(tuple(Moving(each, "failed", cause="abort") for each in turn), word))
    assert run.outcome is Outcome.ABORTED or (step.effect is Effect.ROLLBACK and plan.good)
