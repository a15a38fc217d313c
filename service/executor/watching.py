"""Which targets run something that a prober should ask, and what it should ask."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, select

from policies.pipeline import Stage
from policies.scripted import Request
from service.executor.definitions import acting
from service.executor.ground import Ground
from service.store.tables import PipelineRow, StageRow

#: How far the log of a pipeline has come, and which file it has.
_Mark = tuple[int, str, str]


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


class Places:
    """Every target of every pipeline on which something runs.

    What a pipeline answers is kept until its file or its log has grown: nothing else changes it. So
    a look is one short statement, and a few more for each pipeline in which something happened.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._known: dict[str, tuple[_Mark, list[Place]]] = {}

    def now(self) -> list[Place]:
        """What there is to ask now; called by one thread alone."""
        marks = select(
            PipelineRow.name, PipelineRow.sequence, PipelineRow.definition, PipelineRow.path
        ).order_by(PipelineRow.name)
        with self._ground.engines.reading() as session:
            found = {}
            for name, sequence, digest, path in session.exec(marks):
                mark = (sequence, digest, path)
                known = self._known.get(name)
                # Read after its mark: what happens in between is seen by the next look.
                fresh = known is not None and known[0] == mark
                found[name] = known if known and fresh else (mark, _read(session, name))
        self._known = found
        return [place for _, places in found.values() for place in places]


def _read(session: Session, name: str) -> list[Place]:
    row = session.get_one(PipelineRow, name)
    found: list[Place] = []
    for each in session.exec(select(StageRow).where(StageRow.pipeline == name)):
        stage = acting(session, row, each.stage).stage(each.stage) if each.running else None
        if stage:
            found += [place for target in each.running for place in _places(row, stage, target)]
    return found


def _places(row: PipelineRow, stage: Stage, target: str) -> list[Place]:
    """Each synthetic of the stage on its own time, else what every target is asked."""
    scripts = [
        Place(row.name, stage.name, target, each.every.or_else(None), each.requests, each.name)
        for each in stage.synthetics
    ]
    return scripts or [Place(row.name, stage.name, target, None, ())]
