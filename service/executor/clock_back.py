"""A clock that was set back: what was to be looked at is looked at, not only when it comes round.

Instants that are still to come were written before the clock was set. Without this, a bake that was
due in a second would be due in an hour and a second, and harm during a deployment would be looked
for only after its start, which is an hour ahead.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select, update

from service.executor.ground import Ground
from service.store.tables import AlarmRow, EventRow, RunRow

_log: Final = logging.getLogger(__name__)

#: Smaller steps are how clocks are kept right, and do no harm.
_NOTICED: Final = timedelta(seconds=5)
_NEWEST: Final = 100


class ClockBack:
    """Compares each instant with the one before; the first with the newest events of the log."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._seen: datetime | None = None

    def look(self, session: Session, now: datetime) -> None:
        """Put right what is in the future for no reason, if the clock went back before ``now``."""
        if self._seen is None:
            # Some may have been logged already since the clock was set.
            newest = select(EventRow.at).order_by(col(EventRow.id).desc()).limit(_NEWEST)
            self._seen = max(session.exec(newest), default=now)
        back = self._seen - now
        if back > _NOTICED:
            _log.warning("the clock went back by %s; whatever waits is looked at again", back)
            self._put_right(now)
        # Only now: what fails is tried again.
        self._seen = now

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
