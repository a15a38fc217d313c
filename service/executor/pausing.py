"""Pauses: nothing enters a stage, a pipeline or a node of the organization until they end."""

from sqlmodel import Session, col, or_, select

from policies.plain import instant_text, nearest
from service.errors import Conflict, NotFound
from service.executor.definitions import organization
from service.executor.ground import Ground
from service.executor.transition import reconsider
from service.executor.turn import found
from service.promotions.commands import Pause, Resume
from service.promotions.exceptions import require_reason
from service.store.people_tables import PauseRow
from service.store.tables import PipelineRow, ReleaseRow, StageRow


def pause(ground: Ground, wanted: Pause, actor: str) -> str:
    """Stop promotions; what acts goes on to its own end. Gives the pause's name."""
    if bool(wanted.pipeline) == bool(wanted.organization):
        raise Conflict("name either a pipeline or an organization")
    if wanted.release and not wanted.stage:
        raise Conflict("a release is pinned at one stage; name its pipeline and the stage")
    if wanted.stage and not wanted.pipeline:
        raise Conflict("a stage is paused together with the name of its pipeline")
    reason = require_reason(wanted.reason, "pause")
    with ground.engines.transaction() as session:
        now = ground.ports.clock.within(session)
        _require_known(session, wanted)
        if wanted.until and wanted.until <= now:
            raise Conflict(f"{instant_text(wanted.until)} is over; a pause ends later")
        row = PauseRow(
            organization=wanted.organization,
            pipeline=wanted.pipeline,
            stage=wanted.stage,
            release=wanted.release,
            reason=reason,
            by=actor,
            at=now,
            until=wanted.until,
        )
        session.add(row)
        session.flush()
    _tell(ground, row, "stage.paused", actor)
    return row.name


def resume(ground: Ground, ended: Resume, actor: str) -> str:
    with ground.engines.transaction() as session:
        row = session.get(PauseRow, PauseRow.number(ended.pause))
        row = found(row, "pause", ended.pause)
        now = ground.ports.clock.within(session)
        if row.ended_at or (row.until and row.until <= now):
            raise Conflict(f"{ended.pause} has ended already")
        row.ended_at, row.ended_by = now, actor
    _tell(ground, row, "stage.resumed", actor)
    return ""


def _require_known(session: Session, wanted: Pause) -> None:
    if wanted.organization:
        if not organization(session).has(wanted.organization):
            raise NotFound("organization", wanted.organization)
        return
    row = found(session.get(PipelineRow, wanted.pipeline), "pipeline", wanted.pipeline)
    if wanted.stage and session.get(StageRow, (row.name, wanted.stage)) is None:
        known = session.exec(select(StageRow.stage).where(StageRow.pipeline == row.name)).all()
        raise NotFound("stage", f"{row.name}/{wanted.stage}", nearest(wanted.stage, known))
    if wanted.release:
        release = session.get(ReleaseRow, wanted.release)
        if release is None or release.pipeline != row.name:
            raise NotFound(f"release of {row.name}", wanted.release)


def _tell(ground: Ground, row: PauseRow, kind: str, actor: str) -> None:
    """Log it at every pipeline that it reaches, and ask the gates there again."""
    for name in _reached(ground, row):
        with ground.turn(name, actor) as turn:
            turn.log(
                kind,
                None,
                row.stage or None,
                pause=row.name,
                organization=row.organization,
                pinned=row.release,
                reason=row.reason,
                until=row.until and instant_text(row.until),
            )
            reconsider(turn)


def _reached(ground: Ground, row: PauseRow) -> list[str]:
    node = row.organization
    with ground.engines.reading() as session:
        asked = select(PipelineRow.name).where(
            or_(
                col(PipelineRow.name) == row.pipeline,
                col(PipelineRow.organization) == node,
                col(PipelineRow.organization).startswith(f"{node}/", autoescape=True),
            )
            if node
            else col(PipelineRow.name) == row.pipeline
        )
        return sorted(session.exec(asked))
