"""What holds a release beside the rules: who is in the stage, what a person must do, pauses."""

from collections.abc import Iterator

from policies.decision import Condition
from policies.findings import Verdict
from policies.phrases import listed
from policies.pipeline import Pipeline, Stage
from policies.release import Approval, Release, ReleaseKind
from service.executor.said import may_skip, open_problems, open_steps
from service.executor.turn import Turn
from service.promotions.model import Outcome
from service.store.people_tables import PauseRow
from service.store.tables import ReleaseRow, RunRow


def conditions(turn: Turn, release: Release, stage: str) -> Iterator[Condition]:
    entered = _definition(turn, release).stage(stage)
    words = _words(release, stage)
    yield from _busy(turn, release, stage)
    yield from _manual(turn, stage, words)
    if entered:
        yield from _steps(turn, release, entered)
        yield from _approvals(entered, words, late=release.kind is ReleaseKind.EMERGENCY)
    for problem in open_problems(turn, release.id):
        told = f"{problem.by} reported a problem: {problem.text}; a person clears it or rolls back"
        yield Condition("manual-transition", Verdict.HOLD, told)
    yield from _order(turn, release, entered)
    for each in turn.pauses(stage, release.id):
        yield _paused(each)


def _definition(turn: Turn, release: Release) -> Pipeline:
    """What the release started with; of a record that was handed in, what is registered now."""
    row = turn.session.get(ReleaseRow, release.id)
    ours = row is not None and row.pipeline == turn.pipeline.name
    return turn.definition(row) if row and ours else turn.registered()


def _words(release: Release, stage: str) -> tuple[Approval, ...]:
    """What was said of this artifact at this stage."""
    digest = release.artifact.digest
    return tuple(
        each
        for each in release.approvals
        if digest and (each.stage, each.digest) == (stage, digest)
    )


def _busy(turn: Turn, release: Release, stage: str) -> Iterator[Condition]:
    active = turn.stage(stage).active
    holder = turn.session.get_one(RunRow, active).release if active is not None else release.id
    if holder != release.id:
        yield Condition("stage-busy", Verdict.HOLD, f"{holder} is in {stage}")


def _manual(turn: Turn, stage: str, words: tuple[Approval, ...]) -> Iterator[Condition]:
    """A manual transition lets the one artifact through that a person has approved."""
    kept = turn.stage(stage)
    if kept.transition == "manual" and not any(each.decision == "approved" for each in words):
        why = f": {kept.reason}" if kept.reason else ""
        told = f"the transition into {stage} is manual{why}; a person approves it or switches it"
        yield Condition("manual-transition", Verdict.HOLD, told)


def _steps(turn: Turn, release: Release, stage: Stage) -> Iterator[Condition]:
    left = open_steps(turn, release.id, stage)
    if left:
        told = f"{len(left)} of {len(stage.checklist)} manual steps are open: {listed(left)}"
        yield Condition("manual-transition", Verdict.HOLD, told)


def _approvals(stage: Stage, words: tuple[Approval, ...], *, late: bool) -> Iterator[Condition]:
    """What approvals lack. An emergency may have them ``late``; a no stops it all the same."""
    refused = [each for each in words if each.decision == "rejected"]
    if refused:
        told = f"{refused[0].by} rejected this artifact: {refused[0].reason}"
        yield Condition("approval", Verdict.BLOCK, told)
    asked = stage.approvals.or_else(None)
    given = {each.by for each in words if each.decision == "approved"}
    if asked and len(given) < asked.count:
        told = f"{len(given)} of {asked.count} approvals of this artifact were given"
        told += f"; {' or '.join(asked.roles)} may give them" if asked.roles else ""
        told += "; those of an emergency may follow" if late else ""
        yield Condition("approval", Verdict.WARN if late else Verdict.HOLD, told)


def _order(turn: Turn, release: Release, stage: Stage | None) -> Iterator[Condition]:
    """A release that went on before its turn needs somebody to say so while it waits."""
    runs = {run.stage: run.outcome for run in turn.all_runs(release.id)}
    if stage is None or stage.name not in runs or may_skip(turn, release.id, stage.name):
        return
    missing = [need for need in stage.needs if runs.get(need) != Outcome.SUCCEEDED]
    if missing:
        told = f"{listed(missing)} has not been passed, and nobody lets it go on any more"
        yield Condition("manual-transition", Verdict.HOLD, told)


def _paused(pause: PauseRow) -> Condition:
    if pause.release:
        told = f"{pause.stage} is pinned to {pause.release} by {pause.by}: {pause.reason}"
        return Condition("paused", Verdict.HOLD, told, pause.until)
    if pause.organization:
        place = f"{pause.organization} is"
    else:
        place = f"{pause.stage or pause.pipeline} is"
    told = f"{place} paused by {pause.by}: {pause.reason}"
    return Condition("paused", Verdict.HOLD, told, pause.until)
