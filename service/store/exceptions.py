"""Exemptions and opt-outs of the store as the values that the one resolver reads."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from sqlmodel import Session, col, select

from policies.exceptions import Exceptions, Exemption, OptOut, Subject
from service.promotions.exceptions import State
from service.store.snapshot import Snapshot
from service.store.tables import ExceptionRow

#: Rows that are read at a time.
_AT_ONCE: Final = 200


def stored(
    session: Session, pipeline: str | None = None, rule: str | None = None, after: str = ""
) -> Iterator[ExceptionRow]:
    """Everything that was ever asked for, oldest first; a few rows are read at a time.

    For one pipeline or rule, or for all; behind the one that is named ``after``.
    """
    asked = select(ExceptionRow).order_by(col(ExceptionRow.id))
    if pipeline is not None:
        asked = asked.where(ExceptionRow.pipeline == pipeline)
    if rule is not None:
        asked = asked.where(ExceptionRow.rule == rule)
    last, more = _number(after), True
    while more:
        batch = session.exec(asked.where(col(ExceptionRow.id) > last).limit(_AT_ONCE)).all()
        yield from batch
        more = len(batch) == _AT_ONCE
        last = batch[-1].id or 0 if batch else 0


def _number(name: str) -> int:
    """The number in a name such as ``ex-12``; 0, which no row has, where it holds none."""
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


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
