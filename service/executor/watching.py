"""Which targets run something that a prober should ask, and what it should ask."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import select

from policies.pipeline import Request, Stage
from service.executor.definitions import definition
from service.executor.ground import Ground
from service.store.tables import PipelineRow, StageRow


@dataclass(frozen=True, slots=True)
class Place:
    """One target in service; ``every`` is None where the stage declares no synthetic."""

    pipeline: str
    stage: str
    target: str
    every: timedelta | None
    requests: tuple[Request, ...]


def places(ground: Ground) -> list[Place]:
    """Every target of every pipeline on which something runs."""
    found: list[Place] = []
    with ground.engines.reading() as session:
        for row in session.exec(select(PipelineRow)):
            kept = definition(session, row.definition, row.path, row.name)
            stages = session.exec(select(StageRow).where(StageRow.pipeline == row.name))
            for each in stages:
                stage = kept.stage(each.stage)
                if stage:
                    found += [_place(row.name, stage, target) for target in each.running]
    return found


def _place(pipeline: str, stage: Stage, target: str) -> Place:
    every = min(
        (known for each in stage.synthetics if (known := each.every.or_else(None))), default=None
    )
    requests = tuple(request for each in stage.synthetics for request in each.requests)
    return Place(pipeline, stage.name, target, every, requests)
