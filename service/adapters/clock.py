"""The clock of the machine, and of the database where several machines share one."""

from datetime import UTC, datetime

from sqlmodel import Session

from service.store.engines import database_now


class SystemClock:
    """The real clock; everything inside is aware UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def within(self, session: Session) -> datetime:
        """On PostgreSQL the database's clock: it has one, its workers have many."""
        shared = session.get_bind().dialect.name == "postgresql"
        return database_now(session) if shared else self.now()
