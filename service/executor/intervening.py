"""What a person may do to a release on its way: roll it back, abort it, let it try again."""

from collections.abc import Iterable

from sqlmodel import col, delete, or_, select

from policies.pipeline import StageKind
from service.errors import Conflict
from service.executor.retention import require_artifact
from service.executor.transition import advance, create_runs, enter, reopen
from service.executor.turn import Turn, found
from service.promotions.commands import Abort, Retry, RollBack
from service.promotions.decide import WATCHED
from service.promotions.exceptions import require_reason
from service.promotions.model import Outcome, State, Withdrawn
from service.store.tables import EvidenceRow, ReleaseRow, RunRow

_ENDED_BADLY = {Outcome.FAILED, Outcome.ERRORED, Outcome.ABORTED}


def roll_back(turn: Turn, wanted: RollBack) -> str:
    """Start the way back in one stage, or in every stage that has the artifact."""
    reason = require_reason(wanted.reason, "roll back")
    release = turn.release(wanted.release)
    runs = {run.stage: run for run in turn.all_runs(release.id)}
    if wanted.stage:
        turn.planned(release, wanted.stage)
        chosen = [found(runs.get(wanted.stage), "run", f"{release.id}/{wanted.stage}")]
    else:
        chosen = [run for run in runs.values() if _has(turn, release, run)]
    _require_way_back(turn, release, chosen)
    release.outcome, release.ended_at = "", None
    for run in chosen:
        kept = turn.stage(run.stage)
        if kept.good == release.digest:
            kept.good = kept.before
        reopen(turn, run)
        advance(turn, run, Withdrawn(f"rolled back by {turn.actor}: {reason}", "person"))
    return ""


def abort(turn: Turn, wanted: Abort) -> str:
    """End everything of the release that has not ended; what is deployed goes back.

    Where nothing was before it stays, and what is still being deployed is told to stop.
    """
    reason = require_reason(wanted.reason, "abort")
    release = turn.release(wanted.release)
    if release.outcome:
        raise Conflict(f"{release.id} has ended already: {release.outcome.replace('_', ' ')}")
    for run in turn.runs(release=release.id):
        advance(turn, run, Withdrawn(f"aborted by {turn.actor}: {reason}", "person"))
    return ""


def retry(turn: Turn, wanted: Retry) -> str:
    """Ask the gate of the stage again for a release that ended badly there."""
    reason = require_reason(wanted.reason, "retry")
    release = turn.release(wanted.release)
    runs = {run.stage: run for run in turn.all_runs(release.id)}
    run = found(runs.get(wanted.stage), "run", f"{release.id}/{wanted.stage}")
    if run.outcome not in _ENDED_BADLY:
        word = (run.outcome or run.state).replace("_", " ")
        raise Conflict(f"{release.id} is {word} at {run.stage}; only what failed can be retried")
    _require_newest(turn, release, run.stage)
    if release.pushed or turn.planned(release, run.stage).kind.value is not StageKind.BUILD:
        require_artifact(release)
    release.outcome, release.ended_at = "", None
    _forget(turn, release, run)
    told = f"retried by {turn.actor}: {reason}"
    run.state, run.outcome, run.message, run.progress = State.WAITING, "", told, []
    run.attempt += 1
    run.started_at = run.deployed_at = run.ended_at = None
    run.entered_at, run.due, run.blocked, run.decision = turn.now, turn.now, "", ""
    turn.log("stage.retried", release.id, run.stage, attempt=run.attempt, reason=reason)
    turn.session.flush()
    enter(turn, run.stage)
    create_runs(turn, release)
    return ""


def _has(turn: Turn, release: ReleaseRow, run: RunRow) -> bool:
    """Whether the stage runs the artifact, or some of it after a deployment that did not end."""
    if turn.planned(release, run.stage).deploy is None:
        return False
    kept = turn.stage(run.stage)
    ended = run.outcome in {Outcome.FAILED, Outcome.ABORTED}
    halfway = ended and bool(run.progress) and kept.active is None
    acts = not run.outcome and State(run.state) in WATCHED
    return acts or halfway or release.digest in kept.running.values()


def _require_way_back(turn: Turn, release: ReleaseRow, runs: Iterable[RunRow]) -> None:
    """Raise Conflict where the release is not, where another one acts, or nothing was before."""
    names = [run.stage for run in runs]
    if not names:
        raise Conflict(f"{release.id} runs nowhere; there is nothing to roll back")
    for run in runs:
        kept = turn.stage(run.stage)
        if not _has(turn, release, run):
            raise Conflict(f"{release.id} does not run in {run.stage}")
        if run.state == State.ROLLING_BACK and not run.outcome:
            raise Conflict(f"{release.id} is being rolled back in {run.stage} already")
        if kept.active not in {None, run.id}:
            holder = turn.session.get_one(RunRow, kept.active).release
            raise Conflict(f"{holder} acts in {run.stage} now; roll that one back")
        good = kept.before if kept.good == release.digest else kept.good
        if not good:
            told = f"no earlier artifact ended well in {run.stage}; release a mended one"
            raise Conflict(f"there is nothing to go back to: {told}")


def _require_newest(turn: Turn, release: ReleaseRow, stage: str) -> None:
    """Raise Conflict where a newer release waits for the stage, or has been in it since.

    What runs there would be older than what ran before, and nobody asked for that.
    """
    asked = (
        select(RunRow)
        .join(ReleaseRow, col(ReleaseRow.id) == RunRow.release)
        .where(
            RunRow.pipeline == turn.pipeline.name,
            RunRow.stage == stage,
            ReleaseRow.number > release.number,
            or_(RunRow.outcome == "", col(RunRow.started_at).is_not(None)),
        )
        .order_by(col(ReleaseRow.number))
    )
    newer = [each.release for each in turn.session.exec(asked)]
    if newer:
        told = (
            f"{newer[0]}{f' and {len(newer) - 1} more' if newer[1:] else ''} came to {stage} since"
        )
        raise Conflict(f"{told}; submit a new release instead")


def _forget(turn: Turn, release: ReleaseRow, run: RunRow) -> None:
    """Drop what only the failed attempt says; the event log keeps all of it."""
    turn.session.exec(
        delete(EvidenceRow).where(
            col(EvidenceRow.release) == release.id, col(EvidenceRow.stage) == run.stage
        )
    )
    for other in turn.all_runs(release.id):
        if other.outcome == Outcome.ABORTED and other.started_at is None and other is not run:
            turn.session.delete(other)
    turn.session.flush()
