"""What every act stands on: engines, ports, the durable engine, a pipeline's lock."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from service.executor.durable import Durable
from service.executor.turn import Turn, found
from service.promotions.ports import Ports
from service.store.engines import Engines
from service.store.tables import PipelineRow

#: Who acts when nobody asked: time, or a finished effect.
SYSTEM: Final = "bakegate"


@dataclass(frozen=True, slots=True)
class Ground:
    engines: Engines
    ports: Ports
    durable: Durable

    @contextmanager
    def turn(self, pipeline: str, actor: str = SYSTEM) -> Iterator[Turn]:
        """One transaction under the pipeline's lock; commits when the block ends well."""
        with self.engines.transaction() as session:
            asked = select(PipelineRow).where(PipelineRow.name == pipeline).with_for_update()
            row = found(session.exec(asked).first(), "pipeline", pipeline)
            ports, order = self.ports, self.durable.order
            yield Turn(session, row, ports.clock.within(session), actor, order, ports.rego)

    def turns(self, session: Session, names: Iterable[str], actor: str) -> Iterator[Turn]:
        """Turns of several pipelines in one transaction, locked in ascending order of the names."""
        asked = select(PipelineRow).where(col(PipelineRow.name).in_(list(names)))
        rows = session.exec(asked.order_by(col(PipelineRow.name)).with_for_update()).all()
        now, order = self.ports.clock.within(session), self.durable.order
        return (Turn(session, row, now, actor, order, self.ports.rego) for row in rows)

    def pipelines(self) -> list[str]:
        with self.engines.reading() as session:
            return list(session.exec(select(PipelineRow.name).order_by(col(PipelineRow.name))))
