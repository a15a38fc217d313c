"""Rows that nobody reads before they are written: all of a transaction at once, by table."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col

from service.store.tables import Blob, DecisionRow, EventRow, RunRow

#: Only these know what to do where a row is there already, and they share no class.
_INSERTS: Final[dict[str, Callable[..., Any]]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}
#: In the order in which they are written: a decision names the text of its inputs.
_TOGETHER: Final[tuple[type[SQLModel], ...]] = (Blob, EventRow)
_NEWEST: Final = {table: sa.select(sa.func.max(col(table.id))) for table in (RunRow, DecisionRow)}
_NEXT: Final = {
    table: sa.select(sa.func.nextval(f"{table.__tablename__}_id_seq"))
    for table in (RunRow, DecisionRow)
}


def digest_of(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def adding(session: Session, table: type[SQLModel]) -> Any:
    """What adds rows that are not there already."""
    return _INSERTS[session.get_bind().dialect.name](table).on_conflict_do_nothing()


def write_together(session: Session, table: type[SQLModel], row: dict[str, Any]) -> None:
    """Write a row when the session writes next, in one statement with others of its table."""
    session.info.setdefault("together", {}).setdefault(table, []).append(row)


def next_number(session: Session, table: type[RunRow | DecisionRow]) -> int:
    """The number of the next row of a table, under the lock that writing needs.

    Who knows it before the row is written can name the row in others.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        number: int = connection.execute(_NEXT[table]).scalar_one()
        return number
    given: dict[type[SQLModel], int] = session.info.setdefault("numbers", {})
    if table not in given:
        given[table] = connection.execute(_NEWEST[table]).scalar_one() or 0
    given[table] += 1
    return given[table]


@event.listens_for(Session, "before_flush")
def _write(session: Session, *_: object) -> None:
    waiting = session.info.pop("together", {})
    for table in _TOGETHER:
        if table in waiting:
            question = adding(session, table) if table is Blob else sa.insert(table)
            session.connection().execute(question, waiting[table])
