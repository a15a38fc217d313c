"""Reported alarms: which of them concern a pipeline or a stage of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from policies.pipeline import Pipeline, Stage
from service.promotions.reported import SAYS_FOR, Reach, ReportedView, Said
from service.store.snapshot import Snapshot, above
from service.store.tables import PipelineRow, ReportedRow

#: What concerns a pipeline wherever it runs.
_ANYWHERE: Final = frozenset({Reach.SERVICE, Reach.TARGET, Reach.ORGANIZATION})


def concerning(known: Snapshot, row: PipelineRow, pipeline: Pipeline) -> list[ReportedRow]:
    """Every reported alarm of the pipeline, of a place where it runs or of its organization."""
    stages = pipeline.stages
    spots = {spot for stage in stages for spot in (*regions(stage), *zones(stage))}
    nodes = {"", *above(row.organization)}
    return [
        each
        for each in known.reported()
        if each.pipeline in {"", row.name}
        and each.organization in nodes
        and (each.reach in _ANYWHERE or each.place in spots)
    ]


def confirming(
    known: Snapshot, row: PipelineRow, pipeline: Pipeline, incident: str
) -> ReportedRow | None:
    """What another system reports under the name of an incident, while it has not ended.

    An alarm of the pipeline file is no incident.
    """
    declared = {each.name for each in pipeline.alarms.or_else(()) or ()}
    for each in concerning(known, row, pipeline) if incident else ():
        named = each.name.casefold() == incident.casefold() and each.name not in declared
        if named and each.level == Said.ALARM:
            return each
    return None


def at_stage(rows: Iterable[ReportedRow], stage: Stage) -> list[ReportedRow]:
    """Those of them that concern one stage: an alarm of another place says nothing here."""
    here = {
        Reach.TARGET: {stage.name, *(each.name for each in stage.targets)},
        Reach.ZONE: zones(stage),
        Reach.REGION: regions(stage),
    }
    return [each for each in rows if each.place in here.get(Reach(each.reach), {""})]


def regions(stage: Stage) -> set[str]:
    return {each.region for each in stage.targets if each.region}


def zones(stage: Stage) -> set[str]:
    return {f"{each.region}/{each.zone}" for each in stage.targets if each.zone}


def stale(row: ReportedRow, now: datetime) -> bool:
    return now - row.reported_at > SAYS_FOR


def listed(session: Session, now: datetime) -> tuple[ReportedView, ...]:
    """Every reported alarm, those that fire first."""
    asked = select(ReportedRow).order_by(
        col(ReportedRow.level), col(ReportedRow.name), col(ReportedRow.place)
    )
    return tuple(
        ReportedView(
            name=each.name,
            reach=each.reach,
            pipeline=each.pipeline,
            organization=each.organization,
            place=each.place,
            level=each.level,
            severity=each.severity,
            message=each.message,
            by=each.by,
            since=each.since,
            reported_at=each.reported_at,
            stale=stale(each, now),
        )
        for each in session.exec(asked)
    )
