"""What people said of a release, as a gate sees it: approvals, overrides, ticked manual steps."""

from sqlmodel import col, select

from policies.exceptions import Subject
from policies.pipeline import Stage
from policies.release import Approval, Override
from policies.rules import prod_approval
from service.executor.turn import Turn
from service.promotions.commands import ORDER
from service.store.people_tables import ApprovalRow, OverrideRow, ProblemRow, TickRow
from service.store.tables import ReleaseRow


def approvals(turn: Turn, release: ReleaseRow) -> tuple[Approval, ...]:
    """Those that count now, oldest first, each with the role that the ruleset asks for, if any."""
    asked = select(ApprovalRow).where(
        ApprovalRow.release == release.id,
        ApprovalRow.voided == "",
        ApprovalRow.digest == release.digest,
        col(ApprovalRow.until) > turn.now,
    )
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
        for each in turn.session.exec(asked.order_by(col(ApprovalRow.id)))
    )


def overrides(turn: Turn, release: ReleaseRow) -> tuple[Override, ...]:
    """Those that nobody else must confirm any more."""
    alone = Subject.OVERRIDE not in turn.exception_policy().second_person
    rows = turn.session.exec(select(OverrideRow).where(OverrideRow.release == release.id))
    return tuple(as_fact(each) for each in rows if alone or each.second)


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
    asked = select(TickRow.item).where(TickRow.release == release, TickRow.stage == stage.name)
    done = set(turn.session.exec(asked))
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
    asked = select(ProblemRow).where(
        ProblemRow.release == release, col(ProblemRow.cleared_at).is_(None)
    )
    return list(turn.session.exec(asked.order_by(col(ProblemRow.id))))
