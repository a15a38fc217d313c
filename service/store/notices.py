"""Which team was told of which rule."""

from datetime import datetime

from sqlmodel import Session, col, or_, select

from service.errors import Conflict
from service.promotions.views import NoticeView
from service.store.tables import NoticeRow


def told(
    session: Session, rule: str | None = None, after: str = "", limit: int | None = None
) -> tuple[NoticeView, ...]:
    """Every message about a rule, the newest first; ``rule`` leaves out the others.

    ``after`` is the place of a message, behind which so many are given; raises Conflict.
    """
    at, key = col(NoticeRow.ordered_at), col(NoticeRow.key)
    about = NoticeRow.rule != "" if rule is None else NoticeRow.rule == rule
    asked = select(NoticeRow).where(about)
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
        for row in session.exec(asked)
    )


def _place(text: str) -> tuple[datetime, str]:
    moment, _, key = text.partition(" ")
    try:
        return datetime.fromisoformat(moment), key
    except ValueError as error:
        raise Conflict(f"{text!r} is no place in this list; take what `next` says") from error
