"""The execution windows of Spinnaker stages, as weekly hours.

Days are numbered from 1, Sunday, to 7. The time zone is a setting of the server for all pipelines;
``America/Los_Angeles`` is its default and what is assumed here.
"""

from collections.abc import Iterator
from typing import Final

from policies.fields import texts
from policies.formats.kubernetes import at, group, listed, on, whole
from policies.source import Mapping
from policies.windows import Effect, Window
from policies.windows.model import Weekly, WeeklyHours

_ZONE: Final = "America/Los_Angeles"
_REASON: Final = "in the time zone of the Spinnaker server, here taken as its default"
_HOURS: Final = range(25)
_MINUTES: Final = range(60)


def windows_of(node: Mapping) -> tuple[Window, ...]:
    """The window of a stage, if it is switched on and has hours."""
    restricted = group(node, "restrictedExecutionWindow")
    if restricted is None or not on(node, "restrictExecutionDuringTimeWindow"):
        return ()
    span = node.entries["restrictedExecutionWindow"].key.span
    days = frozenset(_days(restricted)) or frozenset(range(7))
    hours = tuple(_hours(restricted, days))
    if not hours:
        hours = (WeeklyHours(days, 0, 86_400),)
    return (Window("execution-window", Effect.ALLOW, _ZONE, Weekly(hours), span, _REASON),)


def _days(restricted: Mapping) -> Iterator[int]:
    for text in texts(at(restricted, "days")):
        if text.isdecimal() and len(text) == 1 and 1 <= int(text) <= 7:  # noqa: PLR2004 - a week
            # Sunday is 1 there and 6 in our windows.
            yield (int(text) - 2) % 7


def _hours(restricted: Mapping, days: frozenset[int]) -> Iterator[WeeklyHours]:
    for each in listed(restricted, "whitelist"):
        start, end = _second(each, "start"), _second(each, "end")
        if start is not None and end is not None and start != end:
            yield WeeklyHours(days, start, end)


def _second(node: Mapping, edge: str) -> int | None:
    hour, minute = whole(node, f"{edge}Hour"), whole(node, f"{edge}Min") or 0
    if hour is None or hour not in _HOURS or minute not in _MINUTES:
        return None
    return min(hour * 3600 + minute * 60, 86_400)
