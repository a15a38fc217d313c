"""Database engines: one for PostgreSQL, three on one file for SQLite.

SQLite needs three because of how it locks. Ours for writing begins every transaction with BEGIN
IMMEDIATE: with a deferred begin a read-modify-write loses updates. Ours for reading never begins,
so it is never blocked under WAL. The durable engine has its own, small one: it reads on a second
connection while we write, and many writers on one file starve each other.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session

#: How long SQLite waits for its lock, in milliseconds, before it says "database is locked".
BUSY_MS: Final = 30_000
_PRAGMAS: Final = (
    f"busy_timeout={BUSY_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
)


@dataclass(slots=True)
class Engines:
    """``write`` and ``read`` are ours, ``durable`` belongs to the durable engine."""

    write: sa.Engine
    read: sa.Engine
    durable: sa.Engine
    sqlite: bool
    lock: Any = field(default_factory=threading.Lock)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One write transaction; on SQLite writers of this process queue, not busy-wait."""
        with self.lock if self.sqlite else nullcontext():
            with Session(self.write, expire_on_commit=False) as session:
                yield session
                session.commit()
            after = session.info.pop("after_commit", [])
        # Calls of the durable engine that write on their own connection would wait for ours.
        for call in after:
            call()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self.read) as session:
            yield session

    def dispose(self) -> None:
        for engine in {self.write, self.read, self.durable}:
            engine.dispose()


def open_engines(url: str) -> Engines:
    """Engines for a database URL: ``sqlite:///FILE`` or ``postgresql+psycopg://...``."""
    if sa.make_url(url).get_backend_name() == "sqlite":
        write = _sqlite(url, None, 20)
        event.listen(
            write, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
        return Engines(write, _sqlite(url, None, 20), _sqlite(url, "IMMEDIATE", 3), sqlite=True)
    engine = sa.create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        pool_pre_ping=True,
        # A stopped process must not hold row locks for ever.
        connect_args={"options": "-c idle_in_transaction_session_timeout=10000"},
    )
    return Engines(engine, engine, engine, sqlite=False)


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
