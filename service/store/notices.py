"""Which team was told of which rule."""

from sqlmodel import Session, col, select

from service.promotions.views import NoticeView
from service.store.tables import NoticeRow


def told(session: Session, rule: str | None = None) -> tuple[NoticeView, ...]:
    """Every message about a rule, the newest first; ``rule`` leaves out the others."""
    asked = (
        select(NoticeRow)
        .where(NoticeRow.rule != "")
        .order_by(col(NoticeRow.ordered_at).desc(), col(NoticeRow.key))
    )
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
        if rule in (None, row.rule)
    )
