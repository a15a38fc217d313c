"""Time: rows that are due are decided, each in a short transaction of its own.

Nothing polls a fact. A row is due at the moment that it asked for; what happens before that moment
reaches it through the transaction of the event itself.
"""

import logging
import threading
import time
from datetime import datetime
from typing import Final

from sqlmodel import col, select

from service.executor.ground import Ground
from service.executor.notices import announce
from service.executor.schedules import activate, adopt, ripen
from service.executor.transition import enter, look, patience
from service.executor.turn import Turn
from service.promotions.model import Effect, State
from service.store.tables import RunRow

_log: Final = logging.getLogger(__name__)

#: How often rows that are due are looked for, in seconds.
EVERY_S: Final = 0.2
#: Most rows of one sweep; the rest is taken by the next, so that events are not starved.
_MOST: Final = 100
#: A pause after each row on SQLite, in seconds: writers of the durable engine wait for the same
#: lock.
_PAUSE_S: Final = 0.003
#: How often finished effects are collected, in seconds of this process.
_COLLECT_S: Final = 3600.0
#: How often scheduled rules are looked at: whether enough pipelines are ready for a step, and
#: which team is to be told; in seconds of this process.
_CAMPAIGN_S: Final = 60.0


class Sweep:
    """A thread that wakes what is due. ``swept_at`` says that it is alive."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.swept_at: datetime | None = None
        self._collect_at = time.monotonic() + _COLLECT_S
        self._campaign_at = time.monotonic() + _CAMPAIGN_S
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drive, name="sweep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def once(self) -> int:
        """Decide every row that is due, up to a limit; gives how many."""
        activate(self.ground)
        with self.ground.engines.reading() as session:
            now = self.ground.ports.clock.within(session)
            asked = (
                select(RunRow.id, RunRow.pipeline)
                .where(col(RunRow.due) <= now)
                .order_by(col(RunRow.due))
                .limit(_MOST)
            )
            due = list(session.exec(asked))
        for run, pipeline in due:
            with self.ground.turn(pipeline) as turn:
                self._wake(turn, run)
            if self.ground.engines.sqlite:
                self._stop.wait(_PAUSE_S)
        self.swept_at = self.ground.ports.clock.now()
        return len(due)

    def _wake(self, turn: Turn, name: int | None) -> None:
        run = turn.session.get(RunRow, name)
        if run is None or run.due is None or run.due > turn.now:
            return
        if run.op:
            run.due = turn.now + patience(turn, run, Effect(run.op.rsplit(":", 2)[1]))
            self.ground.durable.watchdog(turn.session, run)
        elif run.state == State.WAITING:
            enter(turn, run.stage)
        else:
            look(turn, run)

    def _collect(self) -> None:
        if time.monotonic() >= self._collect_at:
            self._collect_at = time.monotonic() + _COLLECT_S
            self.ground.durable.collect()

    def _campaign(self) -> None:
        if time.monotonic() >= self._campaign_at:
            self._campaign_at = time.monotonic() + _CAMPAIGN_S
            adopt(self.ground)
            ripen(self.ground)
            announce(self.ground)

    def _drive(self) -> None:
        while not self._stop.is_set():
            try:
                full = self.once() == _MOST
                self._collect()
                self._campaign()
            except Exception:  # noqa: BLE001 - a failing sweep is logged and tried again: time must go on
                _log.exception("the sweep failed")
                full = False
            if not full:
                self._stop.wait(EVERY_S)
