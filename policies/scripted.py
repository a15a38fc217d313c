"""Scripted requests of synthetics and tests: what is asked, and what the answer must be.

What one answer says may be used in the next request: ``capture: {order: /id}`` keeps it, and
``${order}`` in a path, a header or a text of the body puts it there.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from policies.frozen import dataclass
from policies.patterns import pattern

#: A captured value in a text.
CAPTURED: Final = pattern(r"\$\{([a-z][a-z0-9_]*)\}")
_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``expected`` and ``capture`` look into the JSON of the answer by JSON Pointer.

    ``body`` is JSON text, None where nothing is sent; the values of ``expected`` are JSON too.
    """

    method: str
    path: str
    status: int
    operation: str = ""
    """Under what name its answers count; empty: by method and path as they are written."""
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    expected: tuple[tuple[str, str], ...] = ()
    contains: str = ""
    within: timedelta | None = None
    """How long the answer may take."""
    capture: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.operation or f"{self.method} {self.path}"

    @property
    def needs(self) -> frozenset[str]:
        """The captured values that it uses."""
        said = "\n".join([self.path, self.body or "", *[value for _, value in self.headers]])
        return frozenset(CAPTURED.findall(said)) if "${" in said else _NOTHING


def unknown_captures(requests: Iterable[Request]) -> tuple[tuple[int, str], ...]:
    """Values that a request uses and none before it captures, with the number of the request."""
    known: set[str] = set()
    found: list[tuple[int, str]] = []
    for number, request in enumerate(requests):
        found += [(number, name) for name in sorted(request.needs - known)]
        known |= {name for name, _ in request.capture}
    return tuple(found)
