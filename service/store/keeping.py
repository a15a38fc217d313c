"""A session that holds what it has read or added until it ends.

SQLAlchemy forgets an object that nobody holds and asks for it anew; a decision asks for its
release, its stage and its definition from many places.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, TypeVar

from sqlalchemy import event
from sqlmodel import Session, SQLModel

R = TypeVar("R", bound=SQLModel)

#: By what rows are found again; both never change.
_NAMES: Final = ("pipeline", "release")
_Key = tuple[type[SQLModel], str, str]


class Keeping(Session):
    """See above."""


def kept(session: Session, table: type[R], name: str = "", value: str = "") -> list[R]:
    """What the session holds of a table: all of it, or what is of one pipeline or release."""
    found: list[R] = session.info.get("kept", {}).get((table, name, value), [])
    return found


def _keep(session: Session, row: SQLModel) -> None:
    held = session.info.get("kept")
    if held is None:
        held = session.info["kept"] = defaultdict(list)
    for key in _keys(row):
        held[key].append(row)


def _drop(session: Session, row: SQLModel) -> None:
    for key in _keys(row):
        held = session.info["kept"][key]
        held[:] = [each for each in held if each is not row]


def _keys(row: SQLModel) -> Iterator[_Key]:
    table = type(row)
    yield table, "", ""
    for name in _NAMES:
        if name in table.model_fields:
            yield table, name, getattr(row, name)


event.listen(Keeping, "loaded_as_persistent", _keep)
event.listen(Keeping, "transient_to_pending", _keep)
event.listen(Keeping, "pending_to_transient", _drop)
event.listen(Keeping, "persistent_to_deleted", _drop)
