"""What people said of a release, as a gate sees it: approvals, overrides, ticked manual steps."""

from datetime import timedelta

from policies.durations import format_duration
from policies.exceptions import Subject
from policies.findings import Enforcement
from policies.phrases import counted
from policies.pipeline import Stage
from policies.release import Approval, Override
from policies.rules import override_justified, prod_approval
from service.errors import Conflict
from service.executor.turn import Turn
from service.promotions.commands import ORDER
from service.store.people_tables import ApprovalRow, OverrideRow, ProblemRow, TickRow
from service.store.tables import ReleaseRow


def approvals(turn: Turn, release: ReleaseRow) -> tuple[Approval, ...]:
    """Those that count now, oldest first, each with the role that the ruleset asks for, if any."""
    rule = turn.tree().resolved(turn.pipeline.organization, turn.now).rules[prod_approval.RULE.id]
    assert isinstance(rule.params, prod_approval.ProdApproval)  # noqa: S101 - the catalogue pairs them
    wanted = rule.params.roles
    return tuple(
        Approval(
            each.stage,
            each.digest,
            each.by,
            each.at,
            role=next((role for role in each.roles if role in wanted), "".join(each.roles[:1])),
            decision=each.word,
            reason=each.reason,
        )
        for each in turn.known.of_release(ApprovalRow, release.id)
        if not each.voided and each.digest == release.digest and each.until > turn.now
    )


def overrides(turn: Turn, release: ReleaseRow) -> tuple[Override, ...]:
    """Those that nobody else must confirm any more."""
    alone = Subject.OVERRIDE not in turn.exception_policy().second_person
    rows = turn.known.of_release(OverrideRow, release.id)
    return tuple(as_fact(each) for each in rows if alone or each.second)


def least_reason(turn: Turn) -> int:
    """How many characters the reason of an override must have for the pipeline's rules."""
    params = _justified(turn)
    return max(params.min_reason_chars, 1) if params else 1


def require_justified(turn: Turn, rule: str, reason: str, hours: int) -> None:
    """Raise Conflict for an override that the gate would turn down, before it is given.

    There it would be late: the gate blocks while such an override lasts.
    """
    params = _justified(turn)
    if params is None:
        return
    if len(reason) < params.min_reason_chars:
        told = f"the reason has {counted(len(reason), 'character')}"
        raise Conflict(
            f"{told}; write at least {params.min_reason_chars}: what breaks if it waits?"
        )
    if timedelta(hours=hours) > params.ttl:
        told = f"an override lasts {format_duration(params.ttl)} at most here, not {hours} h"
        raise Conflict(f"{told}; it can be given again when it has ended")
    if rule in params.never:
        raise Conflict(f"nothing overrides {rule} here")


def _justified(turn: Turn) -> override_justified.OverrideJustified | None:
    """What the pipeline's rules ask of an override, where they block one that lacks it."""
    node, tree = turn.pipeline.organization, turn.tree()
    rules = tree.resolved(node, turn.now).rules if tree.has(node) else {}
    rule = rules.get(override_justified.RULE.id)
    if rule is None or rule.enforcement is not Enforcement.BLOCK:
        return None
    assert isinstance(rule.params, override_justified.OverrideJustified)  # noqa: S101 - the catalogue pairs them
    return rule.params


def may_skip(turn: Turn, release: str, stage: str) -> bool:
    """Whether somebody lets the release go on to the stage before its turn."""
    given = (each for each in overrides(turn, turn.release(release)) if each.rule == ORDER)
    digest = turn.release(release).digest
    return any(
        (each.stage, each.digest) == (stage, digest) and each.at <= turn.now < each.until
        for each in given
    )


def open_steps(turn: Turn, release: str, stage: Stage) -> tuple[str, ...]:
    """Steps of the checklist that nobody has ticked for the release."""
    rows = turn.known.of_release(TickRow, release)
    done = {each.item for each in rows if each.stage == stage.name}
    return tuple(each for each in stage.checklist if each not in done)


def as_fact(row: OverrideRow) -> Override:
    return Override(
        id=row.name,
        rule=row.rule,
        stage=row.stage,
        digest=row.digest,
        by=row.by,
        reason=row.reason,
        at=row.at,
        until=row.until,
        second=row.second,
        incident=row.incident,
    )


def open_problems(turn: Turn, release: str) -> list[ProblemRow]:
    """What was reported and nobody has cleared, the oldest first."""
    rows = turn.known.of_release(ProblemRow, release)
    return [each for each in rows if each.cleared_at is None]
