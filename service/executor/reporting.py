"""Alarms that other systems report: kept, and decided upon in the same transaction."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session, col, or_, select

from policies.pipeline import Pipeline
from policies.plain import nearest
from service.errors import Conflict, NotFound
from service.executor.alarms import judge_alarms
from service.executor.definitions import definition, organization
from service.executor.ground import Ground
from service.executor.transition import look, reconsider
from service.executor.turn import Turn
from service.promotions.reported import (
    Heard,
    Reach,
    Report,
    ReportedView,
    Said,
    require_whole,
)
from service.store import reported
from service.store.tables import PipelineRow, ReportedRow, RunRow


def report_alarm(ground: Ground, report: Report, actor: str) -> Heard:
    """Keep what a system says, and decide every release on its way that it concerns.

    Raises Conflict for a report that does not say whom it concerns, NotFound for a stranger. What
    only says the same again decides nothing.
    """
    require_whole(report)
    with ground.engines.transaction() as session:
        _require_known(session, report)
        names = _on_its_way(session, report)
        # The locks first: no release slips through a gate between the report and what it decides.
        turns = list(ground.turns(session, names, actor))
        now = ground.ports.clock.within(session)
        row = session.get(ReportedRow, _key(report), with_for_update=True)
        fresh = row is not None and not reported.stale(row, now)
        was = row.level if row else ""
        _keep(session, report, row, actor, now)
        told = "" if report.said is Said.ENDED else str(report.said)
        if was == told and (fresh or not told):
            return Heard(was, told, ())
        for turn in turns:
            _decide(turn, report, was, told)
        return Heard(was, told, tuple(turn.pipeline.name for turn in turns))


def listing(ground: Ground) -> tuple[ReportedView, ...]:
    with ground.engines.reading() as session:
        return reported.listed(session, ground.ports.clock.within(session))


def _key(report: Report) -> tuple[str, str, str, str, str]:
    place = (report.pipeline, report.organization, report.place)
    return (report.name, str(report.reach), *place)


def _keep(
    session: Session, report: Report, row: ReportedRow | None, actor: str, now: datetime
) -> None:
    if report.said is Said.ENDED:
        if row is not None:
            session.delete(row)
    else:
        known = row or ReportedRow(
            name=report.name,
            reach=report.reach,
            pipeline=report.pipeline,
            organization=report.organization,
            place=report.place,
            level="",
            severity=report.severity,
            by=actor,
            since=now,
            reported_at=now,
        )
        known.since = known.since if known.level == report.said else now
        known.level, known.severity = str(report.said), report.severity
        known.message, known.by, known.reported_at = report.message, actor, now
        session.add(known)
    session.flush()


def _decide(turn: Turn, report: Report, was: str, told: str) -> None:
    said = {"alarm": report.name, "was": was or "unknown", "now": told or "unknown"}
    more = {"scope": str(report.reach), "place": report.place, "message": report.message}
    turn.log("alarm.changed", None, None, **said, **more)
    judge_alarms(turn, turn.registered())
    for run in turn.runs():
        look(turn, run)
    reconsider(turn)


def _require_known(session: Session, report: Report) -> None:
    if report.organization and not organization(session).has(report.organization):
        raise NotFound("organization", report.organization)
    if not report.pipeline:
        return
    row = session.get(PipelineRow, report.pipeline)
    if row is None:
        raise NotFound("pipeline", report.pipeline)
    known = set(_spots(definition(session, row.definition, row.path, row.name)))
    if report.reach is Reach.TARGET and report.place not in known:
        told = f"{row.name} has no target or stage {report.place!r}"
        raise Conflict(f"{told}{nearest(report.place, known)}")


def _spots(pipeline: Pipeline) -> Iterator[str]:
    for stage in pipeline.stages:
        yield stage.name
        for target in stage.targets:
            yield target.name


def _on_its_way(session: Session, report: Report) -> list[str]:
    """Pipelines with something on its way that the alarm may concern, in ascending order.

    Whether a zone or a region concerns one is seen when its gates are asked.
    """
    asked = (
        select(RunRow.pipeline)
        .join(PipelineRow, col(PipelineRow.name) == RunRow.pipeline)
        .where(RunRow.outcome == "")
        .distinct()
    )
    if report.pipeline:
        asked = asked.where(RunRow.pipeline == report.pipeline)
    if report.organization:
        node, inside = report.organization, col(PipelineRow.organization)
        asked = asked.where(or_(inside == node, inside.startswith(f"{node}/", autoescape=True)))
    return sorted(session.exec(asked))
