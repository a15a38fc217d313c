"""Pages of lists in memory."""

from collections.abc import Sequence
from typing import TypeVar

from service.errors import Conflict

Row = TypeVar("Row")


def page(
    rows: Sequence[Row], places: Sequence[str], after: str, limit: int | None
) -> tuple[Row, ...]:
    """So many rows behind the one whose place is ``after``."""
    if after and after not in places:
        raise Conflict(f"{after!r} is no place in this list")
    start = places.index(after) + 1 if after else 0
    return tuple(rows[start:][:limit])
