"""Transitions: what ``decide`` says becomes rows, events and ordered effects, in one transaction.

Time, requests and finished effects all come through here. Nothing waits in this module and nothing
outside of the database is touched: an effect is only ordered, by enqueuing its workflow in the same
transaction.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from policies.findings import Enforcement, Verdict
from policies.pipeline import OnAlarm, Stage, StageKind
from policies.release import ReleaseKind
from policies.rules import fault_domain_isolation
from service.executor import overdue
from service.executor.alarms import judge_alarms, silent_at
from service.executor.ends import end, settle, supersede
from service.executor.excepted import waivers
from service.executor.gates import ask, held_by_rules
from service.executor.said import may_skip, open_problems
from service.executor.turn import Turn
from service.executor.watch import QUIET, Bake, bake, targets
from service.promotions.decide import WATCHED, decide
from service.promotions.domains import ANYWHERE, Domains
from service.promotions.model import (
    Alarmed,
    Baked,
    Built,
    Effect,
    Entered,
    Errored,
    Event,
    Moved,
    Moving,
    Next,
    Outcome,
    Plan,
    Progress,
    State,
    Tested,
    Wait,
    Withdrawn,
)
from service.promotions.ports import DEPLOY_WITHIN
from service.store.tables import ReleaseRow, RunRow
from service.store.writing import next_number

#: The age limit of the facts of rules: what they hold without an end is asked again after it. Not
#: all of these facts come with an event: an exemption begins and an entry of the blocklist ends on
#: a date, a policy server answers again, a custom rule looks at the clock.
FACTS_AGE: Final = timedelta(minutes=5)
#: After this, what no rule holds is asked again. What ends a condition asks the gate at once, but
#: for a rejection that grows too old.
LONGEST_REST: Final = timedelta(hours=1)
#: How soon a bake is looked at again where nothing said when it can end.
SHORTEST_LOOK: Final = timedelta(seconds=1)
#: Attempts of an effect's step with their pauses; together they are shorter than the watchdog.
_ATTEMPTS: Final = 8
_PAUSES: Final = timedelta(minutes=5)
#: The longest that one attempt may take where the pipeline file says nothing.
_BUILD: Final = timedelta(minutes=20)
_TEST: Final = timedelta(minutes=10)


def plan(turn: Turn, run: RunRow) -> Plan:
    """What the stage asks of this release, as the release's own definition says."""
    release = turn.release(run.release)
    stage = turn.planned(release, run.stage)
    good = turn.stage(run.stage).good
    apart = domains(turn, stage)
    return planned(stage, good if good != release.digest else "", run.blocked, apart)


def planned(stage: Stage, good: str, blocked: str, apart: Domains) -> Plan:
    """What the stage asks of a release, where ``good`` is what it would go back to."""
    return Plan(
        builds=stage.kind.value is StageKind.BUILD,
        deploys=stage.deploy is not None,
        tests=bool(stage.steps),
        bakes=stage.bake is not None and stage.deploy is not None,
        targets=targets(stage),
        good=good,
        parallel=stage.parallel,
        back_on=_back_on(stage),
        blocked=blocked,
        domains=apart,
    )


def advance(turn: Turn, run: RunRow, event: Event) -> Next | None:
    """Decide one event of one run and write down what follows."""
    if run.outcome:
        return None
    step = decide(State(run.state), event, plan(turn, run), progress(run))
    if step is not None:
        # An effect that has just reported is over; any other may still change the stage.
        free = not run.op or isinstance(event, Built | Moved | Tested | Errored)
        _apply(turn, run, step, free=free)
    return step


def progress(run: RunRow) -> Progress:
    return tuple(Moving(**each) for each in run.progress)


def enter(turn: Turn, stage: str) -> None:
    """Let the release that waits before a stage in, if the stage is free and it may.

    The newest supersedes the others, but for those that go ahead of it.
    """
    waiting = [run for run in turn.runs(stage) if run.state == State.WAITING]
    if not waiting:
        return
    newest = max(waiting, key=lambda run: turn.release(run.release).number)
    ahead = _ahead(turn, stage, waiting, newest)
    for run in waiting:
        if run is not newest and run not in ahead:
            supersede(turn, run, newest)
    for run in (*ahead, newest):
        if run.state == State.WAITING and not run.outcome:
            _ask(turn, stage, run)


def _ahead(turn: Turn, stage: str, waiting: list[RunRow], newest: RunRow) -> list[RunRow]:
    """Who keeps waiting though a newer release came: what is pinned, and the newest emergency.

    A normal release that carried an emergency's changes would meet windows and whole bakes.
    """
    pinned = {each.release for each in turn.pauses(stage)} - {""}
    others = [run for run in waiting if run is not newest]
    urgent = [run for run in others if turn.release(run.release).kind == ReleaseKind.EMERGENCY]
    if turn.release(newest.release).kind == ReleaseKind.EMERGENCY:
        urgent = []
    first = [run for run in others if run.release in pinned]
    return [*first, *(run for run in urgent[-1:] if run not in first)]


def _ask(turn: Turn, stage: str, run: RunRow) -> None:
    if turn.planned(turn.release(run.release), stage).kind.value is StageKind.BUILD:
        _enter_build(turn, run)
        return
    decision = ask(turn, run)
    run.decision = decision.name
    step = advance(turn, run, Entered(decision.verdict, decision.sentence))
    if step and step.state is State.WAITING:
        rest = FACTS_AGE if decision.by_rules else LONGEST_REST
        asked_again = decision.until or turn.now + rest
        # What others said of their alarms grows stale, and nobody comes to say so.
        silence = silent_at(turn, turn.definition(turn.release(run.release)))
        told = None
        if decision.verdict is Verdict.HOLD:
            told = overdue.waits(turn, run, decision.sentence, decision.until)
        soonest = min(each for each in (asked_again, silence, told) if each)
        run.due = max(soonest, turn.now + SHORTEST_LOOK)


def _enter_build(turn: Turn, run: RunRow) -> None:
    """No gate stands before the build: there is nothing yet that a rule could judge."""
    busy = turn.stage(run.stage).active is not None
    pauses = turn.pauses(run.stage, run.release)
    told = ["another build runs"] if busy else [f"paused: {each.reason}" for each in pauses]
    step = advance(turn, run, Entered(Verdict.HOLD if told else Verdict.ALLOW, "; ".join(told)))
    if step and step.state is State.WAITING:
        overdue.waits(turn, run, "; ".join(told), None)
        run.due = min([turn.now + LONGEST_REST, *(each.until for each in pauses if each.until)])


def look(turn: Turn, run: RunRow) -> None:
    """Judge a run by its data points: harm at any time, and the end of its bake."""
    if State(run.state) not in WATCHED or run.outcome:
        return
    release = turn.release(run.release)
    judge_alarms(turn, turn.definition(release), run.stage)
    seen = bake(turn, run, release)
    if seen.harm and _acts_on_alarm(turn.planned(release, run.stage)):
        advance(turn, run, Alarmed(seen.harm))
    elif run.state == State.BAKING:
        still = seen.still_since is not None
        halted = open_problems(turn, release.id)
        told = f"halted by {halted[0].by}: {halted[0].text}" if halted else _sentence(seen)
        over = seen.over and not halted and not seen.harm
        advance(turn, run, Baked(over, still, run.still, told))
        run.still = still
        if not run.outcome:
            rest = turn.now + (QUIET if halted else max(seen.rest, SHORTEST_LOOK))
            lasts = overdue.bakes(turn, run, told, seen.needed)
            run.due = min(each for each in (rest, seen.silence_at, lasts) if each)


def _sentence(seen: Bake) -> str:
    return f"{seen.harm}, and nothing goes back by itself" if seen.harm else seen.sentence


def _acts_on_alarm(stage: Stage) -> bool:
    """Where the file says that an alarm does nothing, its bake only does not end."""
    return stage.bake is None or stage.bake.on_alarm.or_else(None) is not OnAlarm.NONE


def create_runs(turn: Turn, release: ReleaseRow) -> None:
    """Let the release wait before every stage whose needs it has met."""
    pipeline = turn.definition(release)
    runs = {run.stage: run for run in turn.all_runs(release.id)}
    for stage in pipeline.stages:
        met = all(need in runs and runs[need].outcome == Outcome.SUCCEEDED for need in stage.needs)
        if stage.name not in runs and (met or may_skip(turn, release.id, stage.name)):
            run = RunRow(
                id=next_number(turn.session, RunRow),
                pipeline=release.pipeline,
                release=release.id,
                stage=stage.name,
                state=State.WAITING,
                progress=[],
                entered_at=turn.now,
                due=turn.now,
            )
            turn.session.add(run)
            enter(turn, stage.name)


def reconsider(turn: Turn) -> None:
    """Ask every gate of the pipeline again, because a fact that gates use has changed."""
    for stage in sorted({run.stage for run in turn.runs() if run.state == State.WAITING}):
        enter(turn, stage)


def patience(turn: Turn, run: RunRow, effect: Effect) -> timedelta:
    """How long an effect may stay unreported: longer than all attempts of it together."""
    stage = turn.planned(turn.release(run.release), run.stage)
    count = len(targets(stage))
    if effect is Effect.BUILD:
        one = stage.timeout or _BUILD
    elif effect is Effect.TEST:
        one = (stage.timeout or _TEST) * count
    else:
        deadline = stage.deploy.deadline.or_else(None) if stage.deploy else None
        one = (deadline or DEPLOY_WITHIN) * count
    return one * _ATTEMPTS + _PAUSES


def domains(turn: Turn, stage: Stage) -> Domains:
    """The fault domains of a production stage, where the rule holds and nothing waives it.

    To change one target after the other costs time and harms nobody, so a warning is enough.
    """
    if not stage.is_prod or stage.parallel == 1:
        return ANYWHERE
    rule = fault_domain_isolation.RULE.id
    effective = turn.tree().resolved(turn.pipeline.organization, turn.now).rules[rule]
    limits = effective.params
    known = waivers(turn.known, turn.tree(), turn.pipeline, turn.now)
    if effective.enforcement < Enforcement.WARN or known.covering(turn.pipeline.name, rule):
        return ANYWHERE
    assert isinstance(limits, fault_domain_isolation.FaultDomainIsolation)  # noqa: S101 - the catalogue pairs them
    return Domains(stage.targets, stage.wave.or_else(1) or 1, limits)


def _back_on(stage: Stage) -> frozenset[str]:
    """The causes that bring the last good artifact back; what the file leaves open, does."""
    causes = set()
    named = stage.deploy.rollback_on.or_else(None) if stage.deploy else None
    for cause in ("failure", "deadline"):
        if named is None or cause in named:
            causes.add(cause)
    on_alarm = stage.bake.on_alarm.or_else(None) if stage.bake else None
    if on_alarm is not OnAlarm.HALT:
        causes.add("alarm")
    return frozenset(causes)


def _apply(turn: Turn, run: RunRow, step: Next, *, free: bool) -> None:
    run.seq += 1
    run.op = ""
    # What held it is over once it has entered.
    run.message = step.message or ("" if run.state == State.WAITING else run.message)
    if step.progress is not None:
        run.progress = [asdict(each) for each in step.progress]
    if step.deployed:
        run.deployed_at = turn.now
    for entry in step.log:
        turn.log(entry.kind, run.release, run.stage, **entry.data)
    if step.manual:
        # Before anything else: the end of this run lets the next release ask for the stage.
        _turn_manual(turn, run, step.manual)
    if step.state is not None:
        _hold(turn, run, step, step.state, free=free)
    else:
        _finish(turn, run, step)
    if step.spread:
        _spread(turn, run, run.message)


def _hold(turn: Turn, run: RunRow, step: Next, state: State, *, free: bool) -> None:
    if run.state == State.WAITING and state is not State.WAITING:
        run.started_at = turn.now
        turn.stage(run.stage).active = run.id
    begins = run.state != state
    run.state = state
    if step.effect:
        run.op = f"{run.release}/{run.stage}:{step.effect}:{run.seq}"
        run.due = turn.now + patience(turn, run, step.effect)
        if free and step.effect is Effect.ROLLBACK:
            turn.back(turn.session, run)
        else:
            turn.order(turn.session, run, step.effect)
    elif step.wait is Wait.BAKE and begins:
        seen = bake(turn, run, turn.release(run.release))
        run.due = turn.now + max(seen.rest, SHORTEST_LOOK)


def _finish(turn: Turn, run: RunRow, step: Next) -> None:
    """Close the run, let its release go on or end, and let the next one ask for the stage."""
    release = turn.release(run.release)
    end(turn, run, step.outcome or Outcome.ERRORED)
    if settle(turn, release):
        create_runs(turn, release)
        settle(turn, release)
    for stage in sorted({run.stage, *_held_by_rules(turn)}):
        enter(turn, stage)


def _held_by_rules(turn: Turn) -> Iterator[str]:
    """Stages before which rules hold a release; what is in flight elsewhere may be why."""
    for run in turn.runs():
        if run.state == State.WAITING and run.decision:
            decision = turn.known.newest_decision(run.release, run.stage)
            if decision and held_by_rules(decision.message):
                yield run.stage


def _spread(turn: Turn, origin: RunRow, message: str) -> None:
    """Take the release back in every stage of scope that runs it or is getting it."""
    release = turn.release(origin.release)
    stages = {stage.name: stage for stage in turn.definition(release).stages}
    if not _takes_all_back(stages[origin.stage]):
        return
    for run in turn.all_runs(release.id):
        if run.id == origin.id or not stages[run.stage].is_prod:
            continue
        kept = turn.stage(run.stage)
        if kept.good == release.digest:
            # Whatever acts here now must not go back to the bad one.
            kept.good = kept.before
        acts = not run.outcome and State(run.state) in WATCHED
        runs_here = release.digest in kept.running.values() and kept.active is None
        if acts or runs_here:
            reopen(turn, run)
            advance(turn, run, Withdrawn(f"{message}, in {origin.stage}"))


def _takes_all_back(stage: Stage) -> bool:
    """A rollback reaches every production stage unless the file limits it to its own."""
    return (stage.rollback or ("release" if stage.is_prod else "stage")) == "release"


def reopen(turn: Turn, run: RunRow) -> None:
    """A stage that ended well acts again: what it runs turned out to be bad."""
    if run.outcome:
        run.outcome, run.ended_at, run.state = "", None, State.BAKING
        turn.stage(run.stage).active = run.id


def _turn_manual(turn: Turn, run: RunRow, reason: str) -> None:
    kept = turn.stage(run.stage)
    if kept.transition != "manual":
        told = f"{run.release} {reason}" if run.release not in reason else reason
        kept.transition, kept.reason = "manual", told
        turn.log("transition.switched", None, run.stage, to="manual", reason=told)
