"""Which targets run something that a prober should ask, and what it should ask."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import select

from policies.pipeline import Stage
from policies.scripted import Request
from service.executor.definitions import acting
from service.executor.ground import Ground
from service.store.tables import PipelineRow, StageRow


@dataclass(frozen=True, slots=True)
class Place:
    """One script against one target in service; without a name where the stage declares none.

    ``every`` is None where nobody says how often.
    """

    pipeline: str
    stage: str
    target: str
    every: timedelta | None
    requests: tuple[Request, ...]
    script: str = ""


def places(ground: Ground) -> list[Place]:
    """Every target of every pipeline on which something runs."""
    found: list[Place] = []
    with ground.engines.reading() as session:
        for row in session.exec(select(PipelineRow)):
            stages = session.exec(select(StageRow).where(StageRow.pipeline == row.name))
            for each in stages:
                stage = acting(session, row, each.stage).stage(each.stage)
                if stage:
                    found += [
                        place for target in each.running for place in _places(row, stage, target)
                    ]
    return found


def _places(row: PipelineRow, stage: Stage, target: str) -> list[Place]:
    """Each synthetic of the stage on its own time, else what every target is asked."""
    scripts = [
        Place(row.name, stage.name, target, each.every.or_else(None), each.requests, each.name)
        for each in stage.synthetics
    ]
    return scripts or [Place(row.name, stage.name, target, None, ())]
