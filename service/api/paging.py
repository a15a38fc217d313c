"""What endpoints of lists ask in one way: where a page begins, and how long it is."""

from typing import Annotated, Final

from fastapi import Query

#: Most rows that one answer holds where a page is asked for.
MOST: Final = 500

After = Annotated[
    str, Query(description="Where the page begins: what `next` of the page before it says.")
]
Limit = Annotated[
    int | None, Query(ge=1, le=MOST, description="Rows of a page; without it, all that there are.")
]


#: Where the next page begins, for ``after``; none where this one is the last.
Next = str | None


def behind(places: list[str], limit: int | None) -> str | None:
    """Where the next page begins; None where this one is the last."""
    return places[-1] if places and len(places) == limit else None
