"""Ends: of a run in a stage, of a release, and of one that a newer release replaces."""

from typing import Final

from service.executor.turn import Turn
from service.promotions.model import Outcome, State
from service.store.people_tables import ApprovalRow
from service.store.tables import ReleaseRow, RunRow

#: What a release ends with when its runs ended differently: the first of these that one of them
#: has.
_WORST: Final = (
    Outcome.ROLLED_BACK,
    Outcome.ERRORED,
    Outcome.FAILED,
    Outcome.SUPERSEDED,
    Outcome.ABORTED,
)


def end(turn: Turn, run: RunRow, outcome: Outcome) -> None:
    """Close a run and free its stage; one that ended well becomes what a rollback restores."""
    run.outcome, run.ended_at, run.due = outcome, turn.now, None
    kept = turn.stage(run.stage)
    if kept.active == run.id:
        kept.active = None
    digest = turn.release(run.release).digest
    if outcome is Outcome.SUCCEEDED and run.deployed_at and kept.good != digest:
        kept.before, kept.good = kept.good, digest


def settle(turn: Turn, release: ReleaseRow) -> bool:
    """End the release when nothing of it acts any more; True while it may enter further stages.

    What still acts elsewhere goes on to its own end; what waits for a doomed release is withdrawn.
    """
    runs = turn.all_runs(release.id)
    ended = {run.outcome for run in runs if run.outcome}
    worst = next((outcome for outcome in _WORST if outcome in ended), None)
    if worst:
        _withdraw(turn, runs, worst)
    if any(not run.outcome for run in runs):
        return worst is None
    if worst:
        _close(turn, release, worst)
        return False
    stages = {stage.name for stage in turn.definition(release).stages}
    if stages <= {run.stage for run in runs}:
        _close(turn, release, Outcome.SUCCEEDED)
        return False
    return True


def supersede(turn: Turn, run: RunRow, newer: RunRow) -> None:
    """The newer release carries the changes of the one it replaces."""
    old, new = turn.release(run.release), turn.release(newer.release)
    riding = [change["commit"] for change in old.changes]
    new.changes = [
        change | {"rides_from": change.get("rides_from") or old.id}
        if change["commit"] in riding
        else change
        for change in new.changes
    ]
    run.message = f"superseded by {new.id}"
    old.superseded_by = new.id
    end(turn, run, Outcome.SUPERSEDED)
    _say_ended(turn, run, by=new.id)
    settle(turn, old)


def _withdraw(turn: Turn, runs: list[RunRow], worst: Outcome) -> None:
    outcome = Outcome.SUPERSEDED if worst is Outcome.SUPERSEDED else Outcome.ABORTED
    for run in runs:
        if run.state == State.WAITING and not run.outcome:
            run.message = f"the release ended: {worst}"
            end(turn, run, outcome)
            _say_ended(turn, run, message=run.message)


def _close(turn: Turn, release: ReleaseRow, outcome: Outcome) -> None:
    if release.outcome:
        return
    release.outcome, release.ended_at = outcome, turn.now
    _void_approvals(turn, release)
    if outcome is Outcome.SUPERSEDED:
        riding = [change["commit"] for change in release.changes]
        by = release.superseded_by
        turn.log("release.superseded", release.id, None, outcome=outcome, by=by, riding=riding)
    else:
        release.superseded_by = ""
        turn.log("release.ended", release.id, None, outcome=outcome)


def _say_ended(turn: Turn, run: RunRow, **data: str) -> None:
    turn.log("stage.ended", run.release, run.stage, outcome=run.outcome, **data)


def _void_approvals(turn: Turn, release: ReleaseRow) -> None:
    """What was approved and not entered is approved no more; nobody needs to remember it."""
    entered = {run.stage for run in turn.all_runs(release.id) if run.started_at}
    by = f" by {release.superseded_by}" if release.superseded_by else ""
    why = f"the release was {release.outcome}{by}"
    for each in turn.known.of_release(ApprovalRow, release.id):
        if not each.voided and each.stage not in entered:
            each.voided = why
            turn.log("approval.voided", release.id, each.stage, by=each.by, reason=why)
