"""How long stages took: the last releases that ended well in each, from runs and the event log."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from sqlmodel import Session, col, select

from service.promotions.model import Outcome
from service.promotions.way import Usual
from service.store.tables import EventRow, RunRow

#: How many of the newest runs of each stage count: enough that one slow day does not tell.
_NEWEST: Final = 15


def paces(session: Session, pipeline: str, stages: int) -> Mapping[str, Usual]:
    """By stage; a stage that no release has gone through is missing.

    ``stages`` is how many the pipeline has: so many more runs are read.
    """
    asked = (
        select(RunRow)
        .where(RunRow.pipeline == pipeline, RunRow.outcome == Outcome.SUCCEEDED)
        .order_by(col(RunRow.id).desc())
        .limit(_NEWEST * stages)
    )
    found: dict[str, list[RunRow]] = defaultdict(list)
    for run in session.exec(asked):
        if len(found[run.stage]) < _NEWEST and run.started_at and run.ended_at:
            found[run.stage].append(run)
    bakes = _bakes(session, pipeline, {run.release for runs in found.values() for run in runs})
    return {stage: _usual(runs, bakes) for stage, runs in found.items() if runs}


def _bakes(
    session: Session, pipeline: str, releases: set[str]
) -> Mapping[tuple[str, str], datetime]:
    """When each release began to bake in each stage, the last time that it did."""
    asked = select(EventRow).where(
        EventRow.pipeline == pipeline,
        EventRow.kind == "bake.started",
        col(EventRow.release).in_(releases),
    )
    rows = session.exec(asked.order_by(col(EventRow.sequence)))
    return {(row.release or "", row.stage or ""): row.at for row in rows}


def _usual(runs: list[RunRow], bakes: Mapping[tuple[str, str], datetime]) -> Usual:
    parts: tuple[list[timedelta], ...] = ([], [], [])
    for run in runs:
        began, ended = run.started_at or run.entered_at, run.ended_at or run.entered_at
        deployed = run.deployed_at or began
        baked = max(bakes.get((run.release, run.stage), ended), deployed)
        for part, span in zip(
            parts, (deployed - began, baked - deployed, ended - baked), strict=True
        ):
            part.append(max(span, timedelta()))
    return Usual(*(_median(part) for part in parts))


def _median(spans: list[timedelta]) -> timedelta:
    return timedelta(seconds=median(span.total_seconds() for span in spans))
