"""Time: rows that are due are decided, each in a short transaction of its own.

Nothing polls a fact. A row is due at the moment that it asked for; what happens before that moment
reaches it through the transaction of the event itself. Several processes sweep the same rows: who
finds a pipeline taken leaves its row to the other.
"""

import logging
import random
import threading
import time
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import col, delete, select, update

from service.errors import Unavailable
from service.executor.clock_back import ClockBack
from service.executor.ground import SYSTEM, Busy, Ground
from service.executor.notices import announce
from service.executor.schedules import activate, adopt, ripen
from service.executor.transition import enter, look, patience
from service.executor.turn import Turn
from service.promotions.model import Effect, State
from service.store.tables import BeatRow, Blob, RunRow

_log: Final = logging.getLogger(__name__)

#: How often rows that are due are looked for, in seconds.
EVERY_S: Final = 0.2
#: Most rows of one sweep; the rest is taken by the next, so that events are not starved.
_MOST: Final = 100
#: Most rows that are decided in one transaction: who asks for one of their locks waits so long.
_TOGETHER = 8
#: A pause after each transaction on SQLite, in seconds: writers of the durable engine wait for the
#: same lock.
_PAUSE_S: Final = 0.003
#: How often finished effects are collected, in seconds of this process.
_COLLECT_S: Final = 3600.0
#: How long it is remembered that a process died.
_REMEMBERED: Final = timedelta(days=7)
#: How often it is looked whether this process does what it holds, in seconds.
_CARE_S: Final = 10.0
#: How often it is looked which scheduled rules change a level, in seconds.
_ACTIVATE_S: Final = 1.0
#: When a row that could not be decided is looked at again.
_POSTPONED: Final = timedelta(minutes=1)
#: What is written to see whether the database takes anything, in characters.
_TRIED: Final = 65_536
#: How often scheduled rules are looked at: whether enough pipelines are ready for a step, and
#: which team is to be told; in seconds of this process.
_CAMPAIGN_S: Final = 60.0
#: Written once: putting it together takes longer than asking it.
_DUE: Final = (
    select(RunRow.id, RunRow.pipeline)
    .where(col(RunRow.due) <= bindparam("now"))
    .order_by(col(RunRow.due))
    .limit(_MOST)
)


class Sweep:
    """A thread that wakes what is due. ``swept_at`` says that it is alive."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.swept_at: datetime | None = None
        self._collect_at = time.monotonic() + _COLLECT_S
        self._campaign_at = time.monotonic() + _CAMPAIGN_S
        self._activate_at = 0.0
        self._care_at = time.monotonic() + _CARE_S
        self._clock = ClockBack(ground)
        self._told = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drive, name="sweep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def once(self) -> int:
        """Decide everything that is due, rows up to a limit; gives how many rows were found."""
        activate(self.ground)
        return self._rows()

    def _rows(self) -> int:
        now, due = self._due()
        for start in range(0, len(due), _TOGETHER):
            self._together(due[start : start + _TOGETHER], now)
            if self.ground.engines.sqlite:
                self._stop.wait(_PAUSE_S)
        self.swept_at = self.ground.ports.clock.now()
        return len(due)

    def _due(self) -> tuple[datetime, list[tuple[int | None, str]]]:
        """Now, and the rows that are due longest, in another order in every process."""
        with self.ground.engines.reading() as session:
            now = self.ground.ports.clock.within(session)
            self._clock.look(session, now)
            due = list(session.exec(_DUE, params={"now": now}))
        random.shuffle(due)
        return now, due

    def _together(self, due: list[tuple[int | None, str]], now: datetime) -> None:
        """Decide rows of several pipelines in one transaction, so that each table is read once.

        Where one of them cannot be decided, each gets a transaction of its own.
        """
        try:
            with self.ground.free({pipeline for _, pipeline in due}) as turns:
                for turn in turns:
                    turn.known.read_open()
                    turn.known.open_releases()
                    for run, pipeline in due:
                        if pipeline == turn.pipeline.name:
                            self._wake(turn, run)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - which row it is shows when each is decided alone
            for run, pipeline in due:
                self._one(run, pipeline, now)

    def _one(self, run: int | None, pipeline: str, now: datetime) -> None:
        """Decide one row. One that cannot be decided must not keep the others from being so."""
        try:
            with self.ground.turn(pipeline, SYSTEM, wait=False) as turn:
                self._wake(turn, run)
        except Busy:
            # Whoever has it may decide the row too; if not, the next sweep does.
            return
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with one row is logged and concerns no other
            _log.exception("run %s of %s could not be decided", run, pipeline)
            with self.ground.engines.transaction() as session:
                mine = update(RunRow).where(col(RunRow.id) == run, col(RunRow.due) <= now)
                session.exec(mine.values(due=now + _POSTPONED))

    def _wake(self, turn: Turn, name: int | None) -> None:
        run = turn.run(name)
        if run is None or run.due is None or run.due > turn.now:
            return
        if run.op:
            within = patience(turn, run, Effect(run.op.rsplit(":", 2)[1]))
            run.due = turn.now + within
            self.ground.durable.watchdog(turn.session, run, within)
        elif run.state == State.WAITING:
            enter(turn, run.stage)
        else:
            look(turn, run)

    def _collect(self) -> None:
        if time.monotonic() >= self._collect_at:
            self._collect_at = time.monotonic() + _COLLECT_S
            self.ground.durable.collect()
            with self.ground.engines.transaction() as session:
                long_ago = self.ground.ports.clock.within(session) - _REMEMBERED
                forgotten = delete(BeatRow).where(col(BeatRow.dead), col(BeatRow.at) < long_ago)
                session.exec(forgotten)

    def _activate(self) -> None:
        """Scheduled rules change on days; a second is soon enough, and asking costs as any row."""
        if time.monotonic() >= self._activate_at:
            self._activate_at = time.monotonic() + _ACTIVATE_S
            activate(self.ground)

    def _care(self) -> None:
        if time.monotonic() >= self._care_at:
            self._care_at = time.monotonic() + _CARE_S
            # Where nothing of ours is written, the engine alone would find out, and tell nobody.
            self._try_to_write()
            for name in self.ground.durable.care():
                _log.warning("%s was left lying and is taken up again", name)

    def _try_to_write(self) -> None:
        """See whether the database takes as much as it has to; raises Unavailable."""
        with self.ground.engines.transaction() as session:
            tried = Blob(digest="tried", text="." * _TRIED)
            session.add(tried)
            session.flush()
            session.delete(tried)
        self.ground.engines.trouble = ""

    def _campaign(self) -> None:
        if time.monotonic() >= self._campaign_at:
            self._campaign_at = time.monotonic() + _CAMPAIGN_S
            adopt(self.ground)
            ripen(self.ground)
            announce(self.ground)

    def _drive(self) -> None:
        while not self._stop.is_set():
            try:
                if self.ground.engines.trouble:
                    self._try_to_write()
                self._activate()
                full = self._rows() == _MOST
                self._collect()
                self._care()
                self._campaign()
                self._tell("")
            except Unavailable as error:
                self._tell(str(error))
                full = False
            except Exception:  # noqa: BLE001 - a failing sweep is logged and tried again: time must go on
                _log.exception("the sweep failed")
                full = False
            if not full:
                self._stop.wait(EVERY_S)

    def _tell(self, trouble: str) -> None:
        """Log what keeps the sweep from working once, however often it is tried."""
        if trouble and not self._told:
            _log.error("nothing is promoted: %s", trouble)
        elif self._told and not trouble:
            _log.warning("the database can be used again; promotions go on")
        self._told = trouble
