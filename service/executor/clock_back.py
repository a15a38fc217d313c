"""A clock that was set back: what was to be looked at is looked at, not only when it comes round.

Instants that are still to come were written before the clock was set. Without this, a bake that was
due in a second would be due in an hour and a second, and harm during a deployment would be looked
for only after its start, which is an hour ahead.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select, update

from service.executor.ground import Ground
from service.store.tables import AlarmRow, EventRow, RunRow

_log: Final = logging.getLogger(__name__)

#: Smaller steps are how clocks are kept right, and do no harm.
_NOTICED: Final = timedelta(seconds=5)
#: At a start so many of the newest events are read: some may be of after the clock was set.
_NEWEST: Final = 100
#: How often the log is read, in seconds of this process.
_READ_S: Final = 10.0


class ClockBack:
    """Compares each instant with the one before, and with what the log has got since it was read.

    For who looks may have slept through a time that others have seen and written down.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._seen: datetime | None = None
        self._read: int | None = None
        """The number of the newest event that was read."""
        self._read_at = 0.0

    def look(self, session: Session, now: datetime) -> None:
        """Put right what is in the future for no reason, if the clock went back before ``now``."""
        reads = time.monotonic() >= self._read_at
        newest, logged = self._logged(session) if reads else (self._read, None)
        back = max(self._seen or now, logged or now) - now
        if back > _NOTICED:
            _log.warning("the clock went back by %s; whatever waits is looked at again", back)
            self._put_right(now)
        # Only now: what fails is tried again.
        self._seen, self._read = now, newest
        if reads:
            self._read_at = time.monotonic() + _READ_S

    def _logged(self, session: Session) -> tuple[int, datetime | None]:
        """The number of the newest event, and the latest instant that new ones tell of."""
        number = col(EventRow.id)
        newest = session.exec(select(sa.func.max(number))).one() or 0
        read = max(newest - _NEWEST, 0) if self._read is None else self._read
        latest = select(sa.func.max(col(EventRow.at))).where(number > read, number <= newest)
        return newest, session.exec(latest).one()

    def _put_right(self, now: datetime) -> None:
        """A bake begins anew: nobody knows how much of its time was real."""
        with self._ground.engines.transaction() as session:
            open_runs = sa.and_(col(RunRow.outcome) == "", col(RunRow.op) == "")
            session.exec(update(RunRow).where(open_runs, col(RunRow.due) > now).values(due=now))
            dated: tuple[Any, ...] = (
                (RunRow, RunRow.started_at),
                (RunRow, RunRow.deployed_at),
                (AlarmRow, AlarmRow.since),
                (AlarmRow, AlarmRow.had_data_at),
            )
            for table, column in dated:
                named = col(column)
                session.exec(update(table).where(named > now).values({named: now}))
