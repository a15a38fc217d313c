"""What people say of a release before a stage: approvals, ticked manual steps, overrides.

All of it is bound to the artifact's digest and counts at the next gate, which is asked at once.
"""

from datetime import timedelta

from sqlmodel import col, select

from policies.exception_limits import override_over_limit
from policies.phrases import listed
from policies.pipeline import Approvals, Stage
from policies.plain import instant_text, nearest
from policies.release import ReleaseKind
from policies.ruleset.settings import no_rule
from service.errors import Conflict
from service.executor.roles import people_in, roles_of
from service.executor.said import as_fact, require_justified
from service.executor.transition import enter
from service.executor.turn import Turn
from service.promotions.authors import wrote
from service.promotions.commands import (
    APPROVED_FOR,
    LONGEST_OVERRIDE_H,
    Approve,
    Override,
    Tick,
    Word,
)
from service.promotions.exceptions import require_reason
from service.promotions.model import State
from service.promotions.reported import require_incident
from service.store.people_tables import ApprovalRow, OverrideRow, TickRow
from service.store.tables import ReleaseRow


def approve(turn: Turn, said: Approve) -> str:
    """Keep a person's word; a newer one of the same person takes the place of the older."""
    release, stage = _approvable(turn, said)
    reason = said.reason.strip()
    if said.word is Word.REJECTED:
        reason = require_reason(said.reason, "reject")
    asked = stage.approvals.or_else(None)
    if asked and said.word is Word.APPROVED:
        _require_may(turn, release, asked)
    _void_older(turn, release.id, stage.name)
    row = ApprovalRow(
        release=release.id,
        stage=stage.name,
        digest=release.digest,
        word=said.word,
        reason=reason,
        by=turn.actor,
        at=turn.now,
        until=turn.now + APPROVED_FOR,
        roles=list(roles_of(turn, turn.actor)),
    )
    turn.session.add(row)
    turn.session.flush()
    told = {"word": str(said.word), "digest": release.digest, "reason": reason}
    turn.log("approval.given", release.id, stage.name, **told)
    enter(turn, stage.name)
    return row.name


def tick(turn: Turn, done: Tick) -> str:
    """Tick a step of the checklist; one that is ticked already stays as it is."""
    release, stage = _waiting(turn, done.release, done.stage)
    if done.item not in stage.checklist:
        told = f"the checklist of {stage.name} has no step {done.item!r}"
        raise Conflict(f"{told}{nearest(done.item, stage.checklist)}")
    if turn.session.get(TickRow, (release.id, stage.name, done.item)) is None:
        row = TickRow(
            release=release.id, stage=stage.name, item=done.item, by=turn.actor, at=turn.now
        )
        turn.session.add(row)
        turn.log("checklist.ticked", release.id, stage.name, item=done.item)
        turn.session.flush()
        enter(turn, stage.name)
    return ""


def override(turn: Turn, given: Override) -> str:
    """Let the release pass a rule; where two persons must agree, the second gives it again."""
    release, stage = _waiting(turn, given.release, given.stage)
    require_artifact(release, given.digest)
    reason = require_reason(given.reason, "override")
    resolved = turn.tree().resolved(turn.pipeline.organization, turn.now)
    if given.rule not in resolved.rules:
        raise Conflict(no_rule(given.rule))
    require_hours(given.hours)
    require_justified(turn, given.rule, reason, given.hours)
    row = seconded(turn, release, given.stage, given.rule) or OverrideRow(
        release=release.id,
        stage=stage.name,
        rule=given.rule,
        digest=release.digest,
        reason=reason,
        by=turn.actor,
        at=turn.now,
        until=turn.now + timedelta(hours=given.hours),
        incident=require_incident(given.incident) if given.incident.strip() else "",
    )
    refused = override_over_limit(turn.exception_policy(), as_fact(row))
    if refused:
        raise Conflict(refused)
    turn.session.add(row)
    turn.session.flush()
    turn.log(
        "override.given",
        release.id,
        stage.name,
        override=row.name,
        rule=row.rule,
        reason=row.reason,
        second=row.second,
        until=instant_text(row.until),
        incident=row.incident,
    )
    enter(turn, stage.name)
    return row.name


def _require_may(turn: Turn, release: ReleaseRow, asked: Approvals) -> None:
    wrote_it = any(wrote(each, turn.actor) for each in release.changes)
    if asked.forbid_author and (wrote_it or turn.actor == release.created_by):
        told = f"{turn.actor} made a change of {release.id}, or the release itself"
        raise Conflict(f"{told}; somebody else approves it")
    if asked.roles and not set(asked.roles) & set(roles_of(turn, turn.actor)):
        told = f"only {' or '.join(asked.roles)} may approve, and {turn.actor} is not known as one"
        nobody = [role for role in asked.roles if not people_in(turn, role)]
        more = f"; it names nobody as {listed(nobody)}" if nobody else ""
        raise Conflict(f"{told}; the organization names its leaders and groups{more}")


def _approvable(turn: Turn, said: Approve) -> tuple[ReleaseRow, Stage]:
    """A release that waits before the stage; an emergency is approved after the fact as well."""
    row = turn.release(said.release)
    run = next((each for each in turn.all_runs(row.id) if each.stage == said.stage), None)
    late = run is not None and run.started_at is not None and said.word is Word.APPROVED
    if late and row.kind == ReleaseKind.EMERGENCY:
        return row, turn.planned(row, said.stage)
    return _waiting(turn, said.release, said.stage)


def _waiting(turn: Turn, release: str, stage: str) -> tuple[ReleaseRow, Stage]:
    """The release and the stage that it has not entered yet."""
    row = turn.release(release)
    planned = turn.planned(row, stage)
    run = next((each for each in turn.all_runs(release) if each.stage == stage), None)
    if row.outcome or (run and (run.outcome or run.state != State.WAITING)):
        word = (run.outcome or run.state) if run else row.outcome
        raise Conflict(f"{release} is {word.replace('_', ' ')} at {stage}; it no longer waits")
    if not row.digest:
        raise Conflict(f"{release} is not built yet; what is said of it is bound to its artifact")
    return row, planned


def _void_older(turn: Turn, release: str, stage: str) -> None:
    asked = select(ApprovalRow).where(
        ApprovalRow.release == release,
        ApprovalRow.stage == stage,
        ApprovalRow.by == turn.actor,
        ApprovalRow.voided == "",
    )
    for old in turn.session.exec(asked):
        old.voided = f"{turn.actor} said something newer"


def require_artifact(release: ReleaseRow, digest: str) -> None:
    """Raise Conflict where somebody means another artifact than the release's own."""
    if digest and digest != release.digest:
        told = f"{release.id} is {release.digest}, not {digest}"
        raise Conflict(f"{told}; an override holds for one artifact")


def require_hours(hours: int) -> None:
    if not 0 < hours <= LONGEST_OVERRIDE_H:
        raise Conflict(f"an override lasts 1 to {LONGEST_OVERRIDE_H} hours, not {hours}")


def seconded(turn: Turn, release: ReleaseRow, stage: str, rule: str) -> OverrideRow | None:
    """The same override of somebody else that still counts, confirmed by this person."""
    asked = select(OverrideRow).where(
        OverrideRow.release == release.id,
        OverrideRow.stage == stage,
        OverrideRow.rule == rule,
        OverrideRow.by != turn.actor,
        OverrideRow.second == "",
        col(OverrideRow.until) > turn.now,
    )
    row = turn.session.exec(asked).first()
    if row is not None:
        row.second = turn.actor
    return row
