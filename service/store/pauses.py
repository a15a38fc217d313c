"""Pauses that stand at an instant, and which of them reaches a stage."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, or_, select

from service.store.people_tables import PauseRow
from service.store.tables import PipelineRow


def standing(session: Session, pipeline: PipelineRow, now: datetime) -> list[PauseRow]:
    """Every pause that reaches the pipeline or a stage of it, the oldest first."""
    nodes = above(pipeline.organization)
    asked = select(PauseRow).where(
        col(PauseRow.ended_at).is_(None),
        or_(col(PauseRow.until).is_(None), col(PauseRow.until) > now),
        or_(col(PauseRow.pipeline) == pipeline.name, col(PauseRow.organization).in_(nodes)),
    )
    return list(session.exec(asked.order_by(col(PauseRow.id))))


def reaching(pauses: Iterable[PauseRow], stage: str, release: str = "") -> list[PauseRow]:
    """Those that keep a release out of a stage; a pin keeps out all but its own."""
    return [
        each
        for each in pauses
        if each.stage in {"", stage} and not (each.release and each.release == release)
    ]


def above(node: str) -> list[str]:
    """The node and every node above it: ``retail/shop`` gives ``retail`` and ``retail/shop``."""
    parts = node.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
