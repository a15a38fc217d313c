"""One window as intervals between two instants."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import assert_never

from policies.windows import calendars, public_holidays, rrule
from policies.windows.model import (
    Between,
    Calendar,
    PublicHolidays,
    Recurring,
    Weekly,
    WeeklyHours,
    Window,
)
from policies.windows.zones import exists, instant, local_days, zone

Spans = list[tuple[datetime, datetime]]


def expand(window: Window, start: datetime, end: datetime) -> Spans:
    """When a window contains time: sorted, disjoint, maximal, clipped to ``start .. end``, in UTC.

    Only the neighbourhood of the range is looked at, however long ago the window began.
    """
    return merge(
        (max(begin, start), min(stop, end))
        for begin, stop in _spans(window, start, end)
        if begin < stop and begin < end and start < stop
    )


def merge(spans: Iterable[tuple[datetime, datetime]]) -> Spans:
    """The union of half-open intervals; those that touch become one."""
    union: Spans = []
    for begin, stop in sorted(spans):
        if union and begin <= union[-1][1]:
            union[-1] = (union[-1][0], max(stop, union[-1][1]))
        else:
            union.append((begin, stop))
    return union


def _spans(window: Window, start: datetime, end: datetime) -> Spans:
    """All intervals that reach into the range, and perhaps others beside it."""
    match window.recurrence:
        case Weekly() as weekly:
            return _weekly(weekly, window.zone, start, end)
        case Between() as between:
            return [(between.start, between.until)]
        case Recurring() as recurring:
            return _recurring(recurring, window.zone, start, end)
        case Calendar() as calendar:
            if calendar.text is None:
                return []
            return calendars.intervals(calendar.text, window.zone, start, end)
        case PublicHolidays(country, subdivision):
            return public_holidays.intervals(country, subdivision, window.zone, start, end)
        case other:
            assert_never(other)


def _weekly(weekly: Weekly, where: str, start: datetime, end: datetime) -> Spans:
    there = zone(where)
    spans: Spans = []
    for day in local_days(start, end, there):
        today = [hours for hours in weekly.hours if day.weekday() in hours.days]
        if today and exists(day, there):
            clock = datetime.combine(day, time())
            for hours in today:
                begin, stop = _on_clock(hours, clock)
                spans.append((instant(begin, there), instant(stop, there)))
    return spans


def _on_clock(hours: WeeklyHours, clock: datetime) -> tuple[datetime, datetime]:
    """The local begin and end of hours on the day that starts at ``clock``."""
    overnight = timedelta(days=1 if hours.until <= hours.start else 0)
    stop = clock + overnight + timedelta(seconds=hours.until)
    return clock + timedelta(seconds=hours.start), stop


def _recurring(recurring: Recurring, where: str, start: datetime, end: datetime) -> Spans:
    """Nominal days come first, on the local clock; then elapsed seconds."""
    there = zone(where)
    days, seconds = timedelta(days=recurring.lasts.days), timedelta(seconds=recurring.lasts.seconds)
    early = start - recurring.lasts.exact
    found = rrule.starts_between(recurring.rule, recurring.starts, where, early, end)
    return [(begin, instant(local + days, there) + seconds) for local, begin in found]
