"""Exemptions and opt-outs of the store as the values that the one resolver reads."""

from collections import defaultdict
from collections.abc import Iterable

from sqlmodel import Session, col, select

from policies.exceptions import Exceptions, Exemption, OptOut, Subject
from service.promotions.exceptions import State
from service.store.snapshot import Snapshot
from service.store.tables import ExceptionRow


def stored(session: Session, pipeline: str | None = None) -> list[ExceptionRow]:
    """Everything that was ever asked for, oldest first, for one pipeline or for all."""
    asked = select(ExceptionRow).order_by(col(ExceptionRow.id))
    if pipeline is not None:
        asked = asked.where(ExceptionRow.pipeline == pipeline)
    return list(session.exec(asked))


def approved(known: Snapshot, pipeline: str) -> Exceptions:
    """What was approved for a pipeline and not revoked; when each one counts, the resolver says."""
    return _approved(known.of_pipeline(ExceptionRow, pipeline))


def approved_by_pipeline(session: Session) -> dict[str, Exceptions]:
    """The same of every pipeline that has some."""
    rows: dict[str, list[ExceptionRow]] = defaultdict(list)
    for each in stored(session):
        rows[each.pipeline].append(each)
    return {name: _approved(each) for name, each in rows.items()}


def _approved(asked: Iterable[ExceptionRow]) -> Exceptions:
    rows = [each for each in asked if each.state == State.APPROVED]
    return Exceptions(
        tuple(exemption(each) for each in rows if each.kind == Subject.EXEMPTION),
        tuple(opt_out(each) for each in rows if each.kind == Subject.OPT_OUT),
    )


def exemption(row: ExceptionRow) -> Exemption:
    return Exemption(
        id=row.name,
        pipeline=row.pipeline,
        rule=row.rule,
        reason=row.reason,
        approved_by=row.approved_by,
        start=row.start,
        until=row.until,
        requested_by=row.requested_by,
        finding=row.finding,
    )


def opt_out(row: ExceptionRow) -> OptOut:
    return OptOut(
        id=row.name,
        pipeline=row.pipeline,
        rule=row.rule,
        reason=row.reason,
        approved_by=row.approved_by,
        review_by=row.until,
    )
