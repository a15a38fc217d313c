"""Which team was told of which rule."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, or_

from service.errors import Conflict
from service.promotions.views import NoticeView
from service.store.tables import NoticeRow

_WHAT: Final = ("key", "rule", "moment", "day", "team", "via", "pipelines")
#: What is told of a message, without its texts: values and no rows, which the session would keep.
_TOLD: Final = [
    col(getattr(NoticeRow, name)) for name in (*_WHAT, "ordered_at", "sent_at", "error")
]
#: So many are read at once where all are wanted.
_PAGE: Final = 500


def told(
    session: Session, rule: str | None = None, after: str = "", limit: int | None = None
) -> tuple[NoticeView, ...]:
    """Every message about a rule, the newest first; ``rule`` leaves out the others.

    ``after`` is the place of a message, behind which so many are given; raises Conflict.
    """
    at, key = col(NoticeRow.ordered_at), col(NoticeRow.key)
    named = col(NoticeRow.rule)
    about = named != "" if rule is None else named == rule
    asked = sa.select(*_TOLD).where(about)
    if after:
        moment, last = _place(after)
        # The first part alone is what the index finds.
        asked = asked.where(at <= moment, or_(at < moment, key > last))
    asked = asked.order_by(at.desc(), key).limit(limit)
    return tuple(
        NoticeView(
            key=row.key,
            rule=row.rule,
            moment=row.moment,
            date=row.day,
            team=row.team,
            via=row.via,
            pipelines=tuple(row.pipelines),
            ordered_at=row.ordered_at,
            sent_at=row.sent_at,
            error=row.error,
        )
        for row in session.connection().execute(asked)
    )


def every_told(session: Session, rule: str | None = None) -> Iterator[NoticeView]:
    """All of them, read a page at a time: no more is held than one."""
    page = told(session, rule, limit=_PAGE)
    while page:
        yield from page
        page = told(session, rule, page[-1].place, _PAGE) if len(page) == _PAGE else ()


def _place(text: str) -> tuple[datetime, str]:
    moment, _, key = text.partition(" ")
    try:
        return datetime.fromisoformat(moment), key
    except ValueError as error:
        raise Conflict(f"{text!r} is no place in this list; take what `next` says") from error
