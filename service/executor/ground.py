"""What every act stands on: engines, ports, the durable engine, a pipeline's lock."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from service.executor.durable import Durable
from service.executor.outbox import post
from service.executor.turn import Turn, found
from service.promotions.notices import Letter
from service.promotions.ports import Ports
from service.store.engines import Engines
from service.store.snapshot import Snapshot
from service.store.tables import PipelineRow

#: Who acts when nobody asked: time, or a finished effect.
SYSTEM: Final = "bakegate"


#: Written once, because every decision begins with it.
_ONE: Final = select(PipelineRow).where(PipelineRow.name == bindparam("pipeline"))
_TAKE: Final = _ONE.with_for_update()
_TAKE_IF_FREE: Final = _ONE.with_for_update(skip_locked=True)
_TAKE_FREE: Final = (
    select(PipelineRow)
    .where(col(PipelineRow.name).in_(bindparam("pipelines", expanding=True)))
    .order_by(col(PipelineRow.name))
    .with_for_update(skip_locked=True)
)
#: Of how many pipelines a table is read at once.
_TOGETHER: Final = 100


class Busy(Exception):
    """Another process or thread has the pipeline's lock."""


@dataclass(frozen=True, slots=True)
class Ground:
    engines: Engines
    ports: Ports
    durable: Durable

    @contextmanager
    def turn(self, pipeline: str, actor: str = SYSTEM, *, wait: bool = True) -> Iterator[Turn]:
        """One transaction under the pipeline's lock; commits when the block ends well.

        Who does not want to ``wait`` gets Busy while another holds the lock.
        """
        with self.engines.transaction() as session:
            asked = _TAKE if wait else _TAKE_IF_FREE
            row = session.exec(asked, params={"pipeline": pipeline}).first()
            if row is None and not wait:
                raise Busy(pipeline)
            row = found(row, "pipeline", pipeline)
            clock = partial(self.ports.clock.within, session)
            yield self._turn(row, actor, clock, Snapshot(session, [row]))

    @contextmanager
    def free(self, pipelines: Iterable[str], actor: str = SYSTEM) -> Iterator[list[Turn]]:
        """Turns of those of the pipelines whose lock nobody holds, in one transaction."""
        with self.engines.transaction() as session:
            names = {"pipelines": sorted(pipelines)}
            rows = session.exec(_TAKE_FREE, params=names).all()
            now, known = self.ports.clock.within(session), Snapshot(session, rows)
            yield [self._turn(row, actor, lambda: now, known) for row in rows]

    def turns(self, session: Session, names: Iterable[str], actor: str) -> Iterator[Turn]:
        """Turns of several pipelines in one transaction, locked in ascending order of the names."""
        asked = select(PipelineRow).where(col(PipelineRow.name).in_(list(names)))
        rows = session.exec(asked.order_by(col(PipelineRow.name)).with_for_update()).all()
        now = self.ports.clock.within(session)
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            known = Snapshot(session, some)
            yield from (self._turn(row, actor, lambda: now, known) for row in some)

    def turn_in(self, session: Session, row: PipelineRow, actor: str, now: datetime) -> Turn:
        """A turn in a transaction that somebody else has begun."""
        return self._turn(row, actor, lambda: now, Snapshot(session, [row]))

    def _turn(
        self, row: PipelineRow, actor: str, clock: Callable[[], datetime], known: Snapshot
    ) -> Turn:
        order, back, rego = self.durable.order, self.durable.order_back, self.ports.rego
        return Turn(known.session, row, clock, actor, order, back, self._post, known, rego)

    def _post(self, session: Session, letter: Letter, now: datetime) -> None:
        post(session, self.durable, self.ports.notifiers, letter, now)

    def pipelines(self) -> list[str]:
        with self.engines.reading() as session:
            return list(session.exec(select(PipelineRow.name).order_by(col(PipelineRow.name))))
