"""Lists of a running service, asked for a page at a time and told as a whole."""

from collections.abc import Mapping
from typing import Any, Final

from cli.client import get

#: As many rows as the service gives at once.
_PAGE: Final = "500"


def every(
    url: str | None, path: str, name: str, query: Mapping[str, str | None] | None = None
) -> list[Any]:
    """All rows, which the answers hold under ``name``; raises Unusable."""
    asked = {**(query or {}), "limit": _PAGE}
    answer = get(url, path, asked)
    rows = list(answer[name])
    while answer["next"]:
        answer = get(url, path, {**asked, "after": answer["next"]})
        rows += answer[name]
    return rows
