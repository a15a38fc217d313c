"""Transitions: what ``decide`` says becomes rows, events and ordered effects, in one transaction.

Time, requests and finished effects all come through here. Nothing waits in this module and nothing
outside of the database is touched: an effect is only ordered, by enqueuing its workflow in the same
transaction.
"""

from datetime import timedelta
from typing import Final

from sqlmodel import select

from policies.findings import Verdict
from policies.pipeline import OnAlarm, StageKind
from service.executor.gates import ask
from service.executor.turn import Turn
from service.executor.watch import bake, targets
from service.promotions.decide import ACTING, decide
from service.promotions.model import (
    Alarmed,
    Baked,
    Entered,
    Event,
    Next,
    Outcome,
    Plan,
    Progress,
    State,
    Wait,
    Withdrawn,
)
from service.store.tables import ReleaseRow, RunRow

#: Longer than all attempts of an effect's step together; then the watchdog looks after it.
WATCHDOG: Final = timedelta(minutes=25)
#: The age limit of the facts of a gate: a hold without an end is asked again after it.
FACTS_AGE: Final = timedelta(minutes=5)
#: How soon a bake is looked at again where nothing said when it can end.
SHORTEST_LOOK: Final = timedelta(seconds=1)


def plan(turn: Turn, run: RunRow) -> Plan:
    """What the stage asks of this release, as the release's own definition says."""
    release = turn.release(run.release)
    stage = turn.planned(release, run.stage)
    kept = turn.stage(run.stage)
    bakes = stage.bake is not None and stage.deploy is not None
    on_alarm = stage.bake.on_alarm.or_else(None) if stage.bake else None
    return Plan(
        builds=stage.kind.value is StageKind.BUILD,
        deploys=stage.deploy is not None,
        tests=bool(stage.steps) or bool(stage.synthetics),
        bakes=bakes,
        targets=targets(stage),
        good=kept.good if kept.good != release.digest else "",
        on_alarm=on_alarm or OnAlarm.ROLLBACK,
    )


def advance(turn: Turn, run: RunRow, event: Event) -> Next | None:
    """Decide one event of one run and write down what follows."""
    if run.outcome:
        return None
    step = decide(State(run.state), event, plan(turn, run), _progress(run))
    if step is not None:
        _apply(turn, run, step)
    return step


def enter(turn: Turn, stage: str) -> None:
    """Let the newest release that waits before a stage in, if the stage is free and its gate agrees."""
    waiting = [run for run in turn.runs(stage) if run.state == State.WAITING]
    if not waiting:
        return
    newest = max(waiting, key=lambda run: turn.release(run.release).number)
    for run in waiting:
        if run is not newest:
            _supersede(turn, run, newest)
    if turn.planned(turn.release(newest.release), stage).kind.value is StageKind.BUILD:
        _enter_build(turn, newest)
        return
    decision = ask(turn, newest)
    newest.decision = decision.name
    step = advance(turn, newest, Entered(decision.verdict, decision.sentence))
    if step and step.state is State.WAITING:
        newest.due = max(decision.until or turn.now + FACTS_AGE, turn.now + SHORTEST_LOOK)


def _enter_build(turn: Turn, run: RunRow) -> None:
    """No gate stands before the build: there is nothing yet that a rule could judge."""
    busy = turn.stage(run.stage).active is not None
    told = "another build runs" if busy else turn.pipeline.paused
    step = advance(turn, run, Entered(Verdict.HOLD if told else Verdict.ALLOW, told))
    if step and step.state is State.WAITING:
        run.due = turn.now + FACTS_AGE


def look(turn: Turn, run: RunRow) -> None:
    """Judge a run by its data points: harm at any time, and the end of its bake."""
    release = turn.release(run.release)
    if State(run.state) not in {State.DEPLOYING, State.TESTING, State.BAKING}:
        return
    seen = bake(turn, run, release)
    if seen.harm:
        advance(turn, run, Alarmed(seen.harm))
    elif run.state == State.BAKING:
        still = seen.still_since is not None
        advance(turn, run, Baked(seen.over, still, run.still, seen.sentence))
        run.still = still
        if not run.outcome:
            rest = seen.needed - seen.time
            run.due = turn.now + max(rest, SHORTEST_LOOK)


def create_runs(turn: Turn, release: ReleaseRow) -> None:
    """Let the release wait before every stage whose needs it has met."""
    pipeline = turn.definition(release)
    runs = {run.stage: run for run in _all_runs(turn, release.id)}
    for stage in pipeline.stages:
        met = all(need in runs and runs[need].outcome == Outcome.SUCCEEDED for need in stage.needs)
        if stage.name not in runs and met:
            run = RunRow(
                pipeline=release.pipeline,
                release=release.id,
                stage=stage.name,
                state=State.WAITING,
                entered_at=turn.now,
                due=turn.now,
            )
            turn.session.add(run)
            turn.session.flush()
            enter(turn, stage.name)


def reconsider(turn: Turn) -> None:
    """Ask every gate of the pipeline again, because a fact that gates use has changed."""
    for stage in sorted({run.stage for run in turn.runs() if run.state == State.WAITING}):
        enter(turn, stage)


def _apply(turn: Turn, run: RunRow, step: Next) -> None:
    was = run.state
    run.seq += 1
    run.op = ""
    run.message = step.message or run.message
    if step.progress:
        run.target = step.progress.target
        run.replaced, run.hosts = step.progress.replaced, step.progress.hosts
    if step.deployed:
        run.deployed_at = turn.now
    for entry in step.log:
        turn.log(entry.kind, run.release, run.stage, **entry.data)
    if step.state is None:
        _end(turn, run, step)
    else:
        run.state = step.state
        if was == State.WAITING and step.state is not State.WAITING:
            run.started_at = turn.now
            turn.stage(run.stage).active = run.id
        _wait(turn, run, step)
    if step.manual:
        _turn_manual(turn, run.stage, step.manual)
    if step.spread:
        _spread(turn, run, step.message)
    turn.session.flush()


def _wait(turn: Turn, run: RunRow, step: Next) -> None:
    if step.effect:
        run.op = f"{run.release}/{run.stage}:{step.effect}:{run.seq}"
        run.due = turn.now + WATCHDOG
        turn.order(turn.session, run, step.effect)
    elif step.wait is Wait.BAKE:
        run.due = turn.now + SHORTEST_LOOK


def _end(turn: Turn, run: RunRow, step: Next) -> None:
    outcome = step.outcome or Outcome.ERRORED
    run.outcome, run.ended_at, run.due = outcome, turn.now, None
    kept = turn.stage(run.stage)
    if kept.active == run.id:
        kept.active = None
    release = turn.release(run.release)
    turn.session.flush()
    if outcome is Outcome.SUCCEEDED:
        if run.deployed_at and kept.good != release.digest:
            kept.before, kept.good = kept.good, release.digest
        turn.session.flush()
        create_runs(turn, release)
        if _complete(turn, release):
            end_release(turn, release, outcome)
    else:
        end_release(turn, release, outcome)
    enter(turn, run.stage)


def end_release(turn: Turn, release: ReleaseRow, outcome: Outcome, by: str = "") -> None:
    """Close a release once; what still acts elsewhere ends by itself, what waits is withdrawn."""
    if release.outcome:
        return
    release.outcome, release.ended_at, release.superseded_by = outcome, turn.now, by
    for run in turn.runs(release=release.id):
        if run.state == State.WAITING:
            run.outcome, run.ended_at, run.due = Outcome.ABORTED, turn.now, None
    kind = "release.superseded" if by else "release.ended"
    turn.log(kind, release.id, None, outcome=outcome, by=by)


def _supersede(turn: Turn, run: RunRow, newer: RunRow) -> None:
    """The newer release carries the changes of the one it replaces."""
    old = turn.release(run.release)
    run.outcome, run.ended_at, run.due = Outcome.SUPERSEDED, turn.now, None
    run.message = f"superseded by {newer.release}"
    riding = [change["commit"] for change in old.changes]
    turn.log(
        "stage.ended",
        run.release,
        run.stage,
        outcome=Outcome.SUPERSEDED,
        by=newer.release,
        riding=riding,
    )
    if not any(each.state in ACTING for each in turn.runs(release=old.id)):
        end_release(turn, old, Outcome.SUPERSEDED, newer.release)


def _spread(turn: Turn, origin: RunRow, message: str) -> None:
    """Take the release back in every production stage that runs it."""
    release = turn.release(origin.release)
    stages = {stage.name: stage for stage in turn.definition(release).stages}
    if not stages[origin.stage].is_prod:
        return
    for run in _all_runs(turn, release.id):
        kept = turn.stage(run.stage)
        runs_here = release.digest in kept.running.values()
        if run.id == origin.id or not runs_here or not stages[run.stage].is_prod:
            continue
        if kept.active in {None, run.id}:
            _reopen(turn, run)
            advance(turn, run, Withdrawn(f"{message} in {origin.stage}"))


def _reopen(turn: Turn, run: RunRow) -> None:
    """A stage that ended well acts again: what it runs turned out to be bad."""
    kept = turn.stage(run.stage)
    if run.outcome:
        run.outcome, run.ended_at, run.state = "", None, State.BAKING
        kept.active = run.id
        if kept.good == turn.release(run.release).digest:
            kept.good = kept.before


def _turn_manual(turn: Turn, stage: str, reason: str) -> None:
    kept = turn.stage(stage)
    if kept.transition != "manual":
        kept.transition, kept.reason = "manual", reason
        turn.log("transition.switched", None, stage, to="manual", reason=reason)


def _all_runs(turn: Turn, release: str) -> list[RunRow]:
    return list(turn.session.exec(select(RunRow).where(RunRow.release == release)))


def _complete(turn: Turn, release: ReleaseRow) -> bool:
    ended = {run.stage for run in _all_runs(turn, release.id) if run.outcome == Outcome.SUCCEEDED}
    return ended.issuperset(stage.name for stage in turn.definition(release).stages)


def _progress(run: RunRow) -> Progress:
    return Progress(run.target, run.replaced, run.hosts)
