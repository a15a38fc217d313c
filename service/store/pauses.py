"""Pauses that stand at an instant, and which of them reaches a stage."""

from collections.abc import Iterable
from datetime import datetime

from service.store.people_tables import PauseRow
from service.store.snapshot import Snapshot, above
from service.store.tables import PipelineRow


def standing(known: Snapshot, pipeline: PipelineRow, now: datetime) -> list[PauseRow]:
    """Every pause that reaches the pipeline or a stage of it, the oldest first."""
    nodes = above(pipeline.organization)
    return [
        each
        for each in known.pauses()
        if (each.until is None or each.until > now)
        and (each.pipeline == pipeline.name or each.organization in nodes)
    ]


def reaching(pauses: Iterable[PauseRow], stage: str, release: str = "") -> list[PauseRow]:
    """Those that keep a release out of a stage; a pin keeps out all but its own."""
    return [
        each
        for each in pauses
        if each.stage in {"", stage} and not (each.release and each.release == release)
    ]
