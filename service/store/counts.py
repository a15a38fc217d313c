"""Reading data points."""

from datetime import datetime

from sqlmodel import Session, col, select

from service.promotions.counted import CountView
from service.store.tables import CountRow


def counts(session: Session, pipeline: str, stage: str, since: datetime) -> tuple[CountView, ...]:
    """What was counted in a stage since then, the newest first."""
    asked = (
        select(CountRow)
        .where(CountRow.pipeline == pipeline, CountRow.stage == stage)
        .where(col(CountRow.start) >= since)
        .order_by(col(CountRow.start).desc(), CountRow.target, CountRow.digest, CountRow.operation)
    )
    return tuple(
        CountView(
            each.start, each.target, each.digest, each.operation, each.positive, each.negative
        )
        for each in session.exec(asked)
    )
