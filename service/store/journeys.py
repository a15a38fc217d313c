"""Releases that ended lately with what cuts their time, read all at once."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from service.promotions.model import Outcome
from service.promotions.views import DecisionView, EventView, RunView
from service.store.read import decision_view, event_view, run_view
from service.store.tables import DecisionRow, EventRow, ReleaseRow, RunRow

#: How many of the newest are read: decisions with all their facts are large.
_NEWEST: Final = 40
#: Decisions that let nothing in are what a wait is cut by, and these events what work is cut by.
_HELD: Final = ("hold", "block")
_CUTS: Final = ("bake.started", "bake.ended", "rollback.started")


@dataclass(frozen=True, slots=True)
class Ended:
    """One release that ended well: its runs, and the decisions and events that cut them."""

    pipeline: str
    release: str
    created_at: datetime
    runs: tuple[RunView, ...]
    decisions: tuple[DecisionView, ...]
    events: tuple[EventView, ...]


def outcomes(session: Session, pipelines: Collection[str], since: datetime) -> Mapping[str, int]:
    """How many releases of these pipelines ended since then, by outcome."""
    asked = select(ReleaseRow.outcome).where(
        col(ReleaseRow.pipeline).in_(pipelines), col(ReleaseRow.ended_at) >= since
    )
    return Counter(session.exec(asked))


def journeys(session: Session, pipelines: Collection[str], since: datetime) -> tuple[Ended, ...]:
    """The newest releases that ended well since then, the newest first."""
    asked = select(ReleaseRow).where(
        col(ReleaseRow.pipeline).in_(pipelines),
        ReleaseRow.outcome == Outcome.SUCCEEDED,
        col(ReleaseRow.ended_at) >= since,
    )
    rows = list(session.exec(asked.order_by(col(ReleaseRow.ended_at).desc()).limit(_NEWEST)))
    names = [row.id for row in rows]
    runs: dict[str, list[RunRow]] = defaultdict(list)
    for run in session.exec(select(RunRow).where(col(RunRow.release).in_(names))):
        runs[run.release].append(run)
    decisions: dict[str, list[DecisionView]] = defaultdict(list)
    held = col(DecisionRow.release).in_(names), col(DecisionRow.verdict).in_(_HELD)
    for decision in session.exec(select(DecisionRow).where(*held)):
        decisions[decision.release].append(decision_view(decision))
    events: dict[str, list[EventView]] = defaultdict(list)
    cuts = col(EventRow.release).in_(names), col(EventRow.kind).in_(_CUTS)
    for event in session.exec(select(EventRow).where(*cuts).order_by(col(EventRow.id))):
        events[event.release or ""].append(event_view(event))
    return tuple(
        Ended(
            row.pipeline,
            row.id,
            row.created_at,
            tuple(run_view(run, row.number, [], lambda _: None) for run in runs[row.id]),
            tuple(decisions[row.id]),
            tuple(events[row.id]),
        )
        for row in rows
    )
