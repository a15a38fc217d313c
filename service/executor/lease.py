"""The right to work: who of several processes is alive, and who takes over from the dead.

The open durable engine recovers only what its own name left behind. On PostgreSQL every process has
a name of its own and beats on the database's clock; a process that has not beaten for a while is
declared dead once, by whoever sees it first, and its effects go back to the queue. On SQLite one
process works, which a locked file beside the database makes sure of.
"""

import fcntl
import logging
import os
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select, update

from service.errors import Conflict
from service.store.engines import Engines, database_now
from service.store.tables import BeatRow

_log: Final = logging.getLogger(__name__)

#: One process on SQLite recovers everything under one name.
EMBEDDED: Final = "embedded"
#: A process that finds itself declared dead ends with this code; its supervisor starts another.
DECLARED_DEAD: Final = 70

TakeOver = Callable[[set[str]], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a process beats and looks for work, and how long a silent one lives."""

    beat: timedelta = timedelta(seconds=2)
    dead_after: timedelta = timedelta(seconds=12)
    poll: timedelta = timedelta(seconds=0.25)
    """How often ordered effects are looked for; most of what an idle process costs."""


class Lease(Protocol):
    """``name`` is what the durable engine calls this process."""

    name: str

    def take(self) -> None:
        """Begin to hold it, before any work is taken; raises Conflict where another holds it."""
        ...

    def keep(self, take_over: TakeOver) -> None:
        """Hold it from now on; ``take_over`` puts the work of dead processes back."""
        ...

    def release(self) -> None: ...


class FileLease:
    """One working process for an SQLite file; the system drops the lock when the process ends."""

    name = EMBEDDED

    def __init__(self, engines: Engines) -> None:
        self._path = Path(f"{engines.write.url.database}.lock")
        self._file: int | None = None

    def take(self) -> None:
        file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            told = f"another process works on this database and holds {self._path}; end it first"
            raise Conflict(told) from error
        self._file = file

    def keep(self, take_over: TakeOver) -> None:
        """Nobody else works here, so nobody dies: launching recovers what was left."""

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class BeatLease:
    """One of several processes on PostgreSQL."""

    def __init__(self, engines: Engines, pace: Pace) -> None:
        self.name = f"w-{os.getpid()}-{uuid4().hex[:8]}"
        self._engine = engines.write
        self._pace = pace
        self._own: list[datetime] = []
        self._stop = threading.Event()
        self._judged = threading.Event()
        self._found: set[str] = set()
        self._threads: list[threading.Thread] = []

    def take(self) -> None:
        """Beat before any work is taken, so that no work is ever without a beat.

        Who is still launching judges already: where no process lives for long, launching is most
        of its life.
        """
        with Session(self._engine) as session:
            session.add(BeatRow(executor=self.name, at=database_now(session)))
            session.commit()
        self._start(threading.Thread(target=self._beat, name="beat", daemon=True))

    def keep(self, take_over: TakeOver) -> None:
        """Take over in a thread of its own, because that may take long and the heart must beat."""
        take = threading.Thread(target=self._take, args=(take_over,), name="take", daemon=True)
        self._start(take)

    def _start(self, thread: threading.Thread) -> None:
        self._threads.append(thread)
        thread.start()

    def release(self) -> None:
        """Step down at once, so that others need not wait for the silence."""
        self._stop.set()
        self._judged.set()
        for thread in self._threads:
            # The engine's calls wait for a database that is away; nobody needs their end.
            thread.join(self._pace.dead_after.total_seconds())
        try:
            with Session(self._engine) as session:
                mine = update(BeatRow).where(col(BeatRow.executor) == self.name)
                session.exec(mine.values(dead=True))
                session.commit()
        except SQLAlchemyError as error:
            _log.warning("could not step down, others find out by the silence: %s", error)

    def _beat(self) -> None:
        # The first at once: where no process lives for long, each is to judge once at least.
        pause = timedelta()
        while not self._stop.wait(pause.total_seconds()):
            pause = self._pace.beat
            try:
                alive = self._once()
                if alive:
                    self._found = self._dead()
                    self._judged.set()
            except Exception as error:  # noqa: BLE001 - a database that is away is waited for, whatever it raises
                _log.warning("the heartbeat failed: %s", error)
                continue
            if not alive:
                _log.error("declared dead by another process; ending")
                # Nothing may run on here: the successor has begun.
                os._exit(DECLARED_DEAD)

    def _take(self, take_over: TakeOver) -> None:
        while self._judged.wait() and not self._stop.is_set():
            self._judged.clear()
            try:
                take_over(self._found)
            except Exception as error:  # noqa: BLE001 - the same; the next beat asks for it again
                _log.warning("could not take over from the dead: %s", error)

    def _once(self) -> bool:
        """Beat; False when somebody has declared this process dead."""
        with Session(self._engine) as session:
            mine = update(BeatRow).where(col(BeatRow.executor) == self.name, ~col(BeatRow.dead))
            beating = mine.values(at=sa.func.clock_timestamp()).returning(col(BeatRow.at))
            at = session.exec(beating).scalar_one_or_none()
            session.commit()
        if at is None:
            return False
        # As far back as it is asked about; none from a future that the clock was set back from.
        oldest = at - 2 * self._pace.dead_after
        self._own = [each for each in self._own if oldest <= each <= at] + [at]
        return True

    def _dead(self) -> set[str]:
        """Declare the silent dead, and name all who are.

        A beat from the future is as old: the database's clock was set back since.
        """
        with Session(self._engine) as session:
            now = database_now(session)
            before, after = now - self._pace.dead_after, now + self._pace.dead_after
            at = col(BeatRow.at)
            silent = select(BeatRow).where(~col(BeatRow.dead), (at < before) | (at > after))
            found = session.exec(silent.with_for_update(skip_locked=True)).all()
            if found and self._answered(session.exec(select(BeatRow.at)).all(), now):
                for each in found:
                    each.dead = True
            session.commit()
            return set(session.exec(select(BeatRow.executor).where(col(BeatRow.dead))))

    def _answered(self, beats: Iterable[datetime], now: datetime) -> bool:
        """Whether the database answered somebody all the time for which others may be silent.

        After an outage everybody looks dead, and gets that time to come back. The last beats of
        all, also of the dead, tell as much as those of this process: so work is taken over also
        where no process lives for long. A late beat tells of a gap before it, in which the database
        stood still or its clock was set.
        """
        begin = now - self._pace.dead_after
        known = sorted(each for each in {*beats, *self._own} if each <= now)
        first = bisect_right(known, begin)
        if first == 0:
            return False
        gaps = (b - a for a, b in pairwise([*known[first - 1 :], now]))
        return max(gaps) < self._pace.dead_after / 2


def open_lease(engines: Engines, pace: Pace) -> Lease:
    return FileLease(engines) if engines.sqlite else BeatLease(engines, pace)
