"""Lists of one page, each with a place of its own: what is asked of one leaves the others alone."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from service.promotions.views import PAGE


class Lists:
    """The lists of a page by name, and where each begins: ``?over=...`` as the address says."""

    def __init__(self, request: Request, path: str, **kept: str) -> None:
        """``kept`` is what the address says of the page as a whole."""
        self._path = path
        self._kept = kept
        # A form that was refused shows its page from the beginning.
        self._asked = dict(request.query_params) if request.method == "GET" else {}
        self._rows: dict[str, Sequence[Any]] = {}
        self._next: dict[str, str] = {}

    def after(self, name: str) -> str:
        return self._asked.get(name, "")

    def add(self, name: str, rows: Sequence[Any], places: Sequence[str]) -> None:
        """Keep the rows of a list; a full page may have another behind it."""
        self._rows[name] = rows
        self._next[name] = places[-1] if len(places) == PAGE else ""

    def rows(self, name: str) -> Sequence[Any]:
        return self._rows[name]

    def part(self, name: str) -> bool:
        """Whether there are more than the page shows."""
        return bool(self._next[name] or self.after(name))

    def links(self, name: str) -> list[tuple[str, str]]:
        """Words and addresses that lead to the first page and to the next."""
        found = []
        if self.after(name):
            found.append(("The first ones", self._address(name, "")))
        if self._next[name]:
            found.append(("The next ones", self._address(name, self._next[name])))
        return found

    def _address(self, name: str, place: str) -> str:
        wanted = {key: value for key, value in (self._asked | {name: place}).items() if value}
        known = {key: value for key, value in wanted.items() if key in self._rows}
        known |= {key: value for key, value in self._kept.items() if value}
        query = f"?{urlencode(known)}" if known else ""
        return f"{self._path}{query}#h-{name}"
