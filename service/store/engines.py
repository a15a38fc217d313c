"""Database engines: two for PostgreSQL, three on one file for SQLite.

The durable engine has its own, small one: its many threads queue for a connection instead of waking
each other up, and never take the last one from us.

SQLite needs three because of how it locks. Ours for writing begins every transaction with BEGIN
IMMEDIATE: with a deferred begin a read-modify-write loses updates. Ours for reading never begins,
so it is never blocked under WAL. The durable engine reads on a second connection while we write,
and many writers on one file starve each other.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import Buffer
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import event
from sqlmodel import Session

from service.errors import Unavailable
from service.store.keeping import Keeping

_log: Final = logging.getLogger(__name__)
T = TypeVar("T")

#: How long SQLite waits for its lock, in milliseconds, before it says "database is locked".
BUSY_MS: Final = 30_000
_PRAGMAS: Final = (
    f"busy_timeout={BUSY_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
)
#: What SQLite raises while its file cannot be written or read, and what helps.
_AWAY: Final = {
    "SQLITE_FULL": "its disk is full; make room on it",
    "SQLITE_BUSY": f"another process has locked it for {BUSY_MS // 1000} s; end that process",
    "SQLITE_LOCKED": "another process has locked it; end that process",
    "SQLITE_IOERR": "its disk cannot be read or written; look at the disk",
    "SQLITE_CANTOPEN": "its file cannot be opened; look at the folder and its rights",
    "SQLITE_READONLY": "its file cannot be written; look at the rights of file and folder",
}
#: Connections of the durable engine on PostgreSQL. Two it keeps, to listen and to lead; the others
#: are enough for its queues and for what threads of effects write down.
DURABLE: Final = 8
#: How long a connection to PostgreSQL rests before it is asked whether it still stands, in seconds.
#: To ask each time cost a fifth of what an idle worker does; a server is away for longer.
_RESTED_S: Final = 1.0
#: The pauses of who waits for the database, in seconds: the first, and the longest.
_PAUSES: Final = (0.5, 5.0)


class Interrupted(BaseException):
    """Work ends here unfinished, and may not be taken for work that failed."""


@dataclass(slots=True)
class Engines:
    """``write`` and ``read`` are ours, ``durable`` belongs to the durable engine.

    ``trouble`` says why the database could not be used last. Whoever has seen that it takes what it
    has to take empties it: a small write may succeed on a full disk.
    """

    write: sa.Engine
    read: sa.Engine
    durable: sa.Engine
    sqlite: bool
    lock: Any = field(default_factory=threading.Lock)
    trouble: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One write transaction; on SQLite writers of this process queue, not busy-wait.

        Raises Unavailable where the database cannot be used now.
        """
        with self.lock if self.sqlite else nullcontext():
            with self.noticing(), Keeping(self.write, expire_on_commit=False) as session:
                yield session
                session.commit()
            after = session.info.pop("after_commit", [])
        # Calls of the durable engine that write on their own connection would wait for ours.
        for call in after:
            call()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Raises Unavailable where the database cannot be used now."""
        with self.noticing(), Keeping(self.read) as session:
            yield session

    def patiently(self, act: Callable[[], T]) -> T:
        """What ``act`` gives, however long the database cannot be used.

        Raises Interrupted when the process ends meanwhile.
        """
        pause, longest = _PAUSES
        while True:
            try:
                return act()
            except Unavailable as error:
                _log.warning("waiting: %s", error)
                if self.closing.wait(pause):
                    raise Interrupted from error
                pause = min(pause * 2, longest)

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Raises Unavailable where the block finds that the database cannot be used now."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            if not is_away(error):
                raise
            self.trouble = f"the database cannot be used now: {_words(error)}"
            raise Unavailable(self.trouble) from error

    def dispose(self) -> None:
        self.closing.set()
        for engine in {self.write, self.read, self.durable}:
            engine.dispose()


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database is away, locked or full: it can be waited for."""
    if isinstance(error, sa.exc.TimeoutError):
        return True
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        return _sqlite_name(origin) in _AWAY
    # OperationalError has shutdowns, lost connections, full disks and deadlocks; the other is how
    # the server tells that it ended a session which a stopped process had left in a transaction.
    ended = psycopg.errors.IdleInTransactionSessionTimeout
    return error.connection_invalidated or isinstance(origin, psycopg.OperationalError | ended)


def _sqlite_name(error: sqlite3.Error) -> str:
    """The name of the primary code; ``SQLITE_IOERR_WRITE`` is a kind of ``SQLITE_IOERR``."""
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


def _words(error: sa.exc.SQLAlchemyError) -> str:
    if isinstance(error, sa.exc.TimeoutError):
        return "all connections are in use"
    origin = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    if isinstance(origin, sqlite3.Error):
        return _AWAY[_sqlite_name(origin)]
    return str(origin or error).strip().partition("\n")[0]


def open_engines(url: str) -> Engines:
    """Engines for a database URL: ``sqlite:///FILE`` or ``postgresql+psycopg://...``."""
    if sa.make_url(url).get_backend_name() == "sqlite":
        write = _sqlite(url, None, 20)
        event.listen(
            write, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
        return Engines(write, _sqlite(url, None, 20), _sqlite(url, "IMMEDIATE", 3), sqlite=True)
    engine = _postgresql(url, 20, 20)
    return Engines(engine, engine, _postgresql(url, DURABLE, 0), sqlite=False)


def _postgresql(url: str, pool: int, overflow: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=pool,
        max_overflow=overflow,
        # The connection that was used last is used next, so that it has hardly rested.
        pool_use_lifo=True,
        # A stopped process must not hold row locks for ever.
        connect_args={"options": "-c idle_in_transaction_session_timeout=10000"},
    )

    def connected(connection: Any, _: Any) -> None:
        connection.adapters.register_dumper(str, _Writable)

    def rest(_: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    def rise(connection: Any, record: Any, _: Any) -> None:
        since = record.info.get("rests_since")
        if since is not None and time.monotonic() - since > _RESTED_S and not _stands(connection):
            raise sa.exc.InvalidatePoolError

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkin", rest)
    event.listen(engine, "checkout", rise)
    return engine


class _Writable(StrDumperUnknown):
    """PostgreSQL takes no NUL in a text, and whoever prints one must not hold up a release."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def _stands(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server still answers on a connection; in no transaction before and after."""
    try:
        connection.autocommit = True
        connection.execute("SELECT 1")
        connection.autocommit = False
    except psycopg.Error:
        return False
    return True


def _sqlite(url: str, isolation: str | None, pool: int) -> sa.Engine:
    overflow = 0 if isolation else pool
    engine = sa.create_engine(url, pool_size=pool, max_overflow=overflow, pool_timeout=60)

    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = isolation
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", connected)
    return engine


def database_now(session: Session) -> datetime:
    """The instant on PostgreSQL's own clock, also within one transaction."""
    now: datetime = session.connection().execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now
