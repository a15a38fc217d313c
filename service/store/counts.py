"""Reading data points."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from service.promotions.counted import CountView
from service.store.keeping import kept
from service.store.snapshot import Snapshot
from service.store.tables import CountRow, RunRow, StageRow

#: A run is judged by its answers from a little before its start: few periods are longer than this.
_BEFORE: Final = timedelta(minutes=15)


class Counted(NamedTuple):
    """Answers of one version at one target in one period, to one operation."""

    pipeline: str
    stage: str
    target: str
    digest: str
    start: datetime
    positive: int
    negative: int
    operation: str


_RECENT: Final = sa.select(*(col(getattr(CountRow, name)) for name in Counted._fields)).where(
    col(CountRow.pipeline).in_(sa.bindparam("pipelines", expanding=True)),
    col(CountRow.stage).in_(sa.bindparam("stages", expanding=True)),
    col(CountRow.start) >= sa.bindparam("since"),
)


def recent(known: Snapshot, pipeline: str, since: datetime) -> list[Counted]:
    """What was counted in the stages of a pipeline since then.

    It is read once, and for each pipeline from where its runs began. So counts are written before
    anything is judged by them.
    """
    first = known.once(_BEFORE, lambda: min([since, *_begun(known)]))
    # Before that it looks only where periods are long.
    rows = known.once((_RECENT, min(first, since)), lambda: _rows(known, min(first, since)))
    return [each for each in rows[pipeline] if each.start >= since]


def _begun(known: Snapshot) -> list[datetime]:
    """A little before the starts of the runs that are known."""
    runs = (run for name in known.names for run in kept(known.session, RunRow, "pipeline", name))
    return [run.started_at - _BEFORE for run in runs if run.started_at and not run.outcome]


def _rows(known: Snapshot, since: datetime) -> dict[str, list[Counted]]:
    stages = {each.stage for name in known.names for each in known.of_pipeline(StageRow, name)}
    found: dict[str, list[Counted]] = defaultdict(list)
    asked = {"pipelines": known.names, "stages": sorted(stages), "since": since}
    for row in known.ask(_RECENT, **asked):
        found[row.pipeline].append(Counted(*row))
    return found


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
