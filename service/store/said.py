"""Read models of what people said, and lists of releases."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from policies.pipeline import Pipeline
from service.promotions.views import (
    ApprovalView,
    OverrideView,
    PauseView,
    ProblemView,
    ReleaseLine,
    RunView,
    StepView,
)
from service.store.pauses import standing
from service.store.people_tables import ApprovalRow, OverrideRow, PauseRow, ProblemRow, TickRow
from service.store.snapshot import Snapshot
from service.store.tables import PipelineRow, ReleaseRow, RunRow


def approvals(session: Session, release: str) -> tuple[ApprovalView, ...]:
    asked = select(ApprovalRow).where(ApprovalRow.release == release).order_by(col(ApprovalRow.id))
    return tuple(
        ApprovalView(
            id=each.name,
            stage=each.stage,
            word=each.word,
            reason=each.reason,
            by=each.by,
            at=each.at,
            until=each.until,
            voided=each.voided,
        )
        for each in session.exec(asked)
    )


def overrides(session: Session, release: str) -> tuple[OverrideView, ...]:
    asked = select(OverrideRow).where(OverrideRow.release == release).order_by(col(OverrideRow.id))
    return tuple(
        OverrideView(
            id=each.name,
            stage=each.stage,
            rule=each.rule,
            reason=each.reason,
            by=each.by,
            second=each.second,
            at=each.at,
            until=each.until,
            incident=each.incident,
        )
        for each in session.exec(asked)
    )


def problems(session: Session, release: str) -> tuple[ProblemView, ...]:
    asked = select(ProblemRow).where(ProblemRow.release == release).order_by(col(ProblemRow.id))
    return tuple(
        ProblemView(
            id=each.name,
            text=each.text,
            by=each.by,
            at=each.at,
            cleared_at=each.cleared_at,
            cleared_by=each.cleared_by,
            resolution=each.resolution,
        )
        for each in session.exec(asked)
    )


def checklist(
    session: Session, release: str, pipeline: Pipeline, runs: Iterable[RunView]
) -> tuple[StepView, ...]:
    """The steps of every stage that the release waits for or has entered, in their order."""
    rows = session.exec(select(TickRow).where(TickRow.release == release))
    done = {(each.stage, each.item): each for each in rows}
    reached = {run.stage for run in runs}
    found = []
    for stage in pipeline.stages:
        for item in stage.checklist if stage.name in reached else ():
            row = done.get((stage.name, item))
            by, at = (row.by, row.at) if row else ("", None)
            found.append(StepView(stage.name, item, by, at))
    return tuple(found)


def pauses(session: Session, pipeline: PipelineRow, now: datetime) -> tuple[PauseView, ...]:
    """What reaches the pipeline or a stage of it now."""
    return tuple(_pause(each) for each in standing(Snapshot(session, [pipeline]), pipeline, now))


def _pause(row: PauseRow) -> PauseView:
    return PauseView(
        id=row.name,
        organization=row.organization,
        pipeline=row.pipeline,
        stage=row.stage,
        reason=row.reason,
        by=row.by,
        at=row.at,
        until=row.until,
        release=row.release,
    )


def releases(session: Session, pipeline: str | None, limit: int) -> tuple[ReleaseLine, ...]:
    """The newest releases, of one pipeline or of all."""
    asked = select(ReleaseRow).order_by(col(ReleaseRow.created_at).desc(), col(ReleaseRow.id))
    if pipeline:
        # Numbers follow the creation, and are found by an index.
        mine = select(ReleaseRow).where(ReleaseRow.pipeline == pipeline)
        asked = mine.order_by(col(ReleaseRow.number).desc())
    rows = list(session.exec(asked.limit(limit)))
    stages: dict[str, list[tuple[str, str]]] = defaultdict(list)
    runs = select(RunRow).where(col(RunRow.release).in_([each.id for each in rows]))
    for run in session.exec(runs.order_by(col(RunRow.id))):
        stages[run.release].append((run.stage, run.outcome or run.state))
    return tuple(
        ReleaseLine(
            id=each.id,
            pipeline=each.pipeline,
            number=each.number,
            kind=each.kind,
            commit=each.commit,
            outcome=each.outcome or None,
            created_at=each.created_at,
            created_by=each.created_by,
            ended_at=each.ended_at,
            stages=tuple(stages[each.id]),
        )
        for each in rows
    )
