"""The cron expression of a CodePipeline deployment window, as weekly hours.

Its fields are seconds, minutes, hours, day of the month, month, day of the week and, if written,
the year; ``0 0 9-17 ? * MON-FRI *`` is open from 9:00 until the hour of 17 has passed.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Span
from policies.formats.cloudformation import said
from policies.patterns import pattern
from policies.source import Mapping
from policies.windows import Effect, Window, zone
from policies.windows.model import Weekly, WeeklyHours

_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ANY: Final = frozenset({"*", "?"})
_HOUR: Final = 3600
_NAME: Final = pattern(r"[^a-z0-9]+")
#: With and without a year.
_LENGTHS: Final = (6, 7)


def window(name: str, configuration: Mapping, span: Span) -> Window | None:
    """The window of a rule called ``name``; None where weekly hours cannot express it."""
    fields = said(configuration, "Cron").split()
    where = said(configuration, "TimeZone") or "UTC"
    if len(fields) not in _LENGTHS or not _known(where):
        return None
    _, _, hours, of_month, months, of_week, *years = fields
    if not {of_month, months, *years} <= _ANY:
        return None
    open_hours = _numbers(hours, range(24), ())
    days = _numbers(of_week, range(1, 8), _DAYS)
    if not open_hours or not days:
        return None
    # Sunday is 1 here and 6 in our windows.
    own = frozenset((day - 2) % 7 for day in days)
    runs = _runs(sorted(open_hours))
    hours_of = tuple(WeeklyHours(own, start * _HOUR, end * _HOUR) for start, end in runs)
    slug = _NAME.sub("-", name.lower()).strip("-") or "window"
    return Window(slug, Effect.ALLOW, where, Weekly(hours_of), span)


def _known(where: str) -> bool:
    try:
        zone(where)
    except ValueError:
        return False
    return True


def _numbers(text: str, allowed: range, names: tuple[str, ...]) -> frozenset[int]:
    """A list of numbers, names and ranges; empty where it is something else."""
    found: set[int] = set()
    for part in text.upper().split(","):
        if part in _ANY:
            found |= set(allowed)
            continue
        low, dash, high = part.partition("-")
        first, last = _number(low, names), _number(high if dash else low, names)
        if first not in allowed or last not in allowed:
            return frozenset()
        # A range may run over the end of the week, as FRI-MON does.
        steps = range((last - first) % len(allowed) + 1)
        found |= {(first - allowed.start + step) % len(allowed) + allowed.start for step in steps}
    return frozenset(found)


def _number(text: str, names: tuple[str, ...]) -> int:
    """A number or the name of one; -1 for anything else."""
    if text in names:
        return names.index(text) + 1
    return int(text) if text.isdecimal() and len(text) <= len("23") else -1


def _runs(hours: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring hours as pairs of first and end."""
    start = hours[0]
    for before, after in zip(hours, [*hours[1:], -1], strict=True):
        if after != before + 1:
            yield start, before + 1
            start = after
