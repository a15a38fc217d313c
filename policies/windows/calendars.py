"""iCalendar files: their events as intervals.

``icalendar`` reads them and ``recurring-ical-events`` expands them. Three things are done here,
because the libraries do them differently: zones come from the locked ``tzdata``, ``UNTIL`` without
``Z`` is local, and lengths are those of RFC 5545, section 3.8.5.3 (``DTEND`` gives every occurrence
the same elapsed time, ``DURATION`` the same nominal days and the same elapsed hours).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

from policies.durations import Duration
from policies.patterns import pattern
from policies.source import MAX_BYTES
from policies.windows import rrule
from policies.windows.zones import midnight, zone

#: An event of the library, whose properties are of a union of thirty types.
Event = Any

Spans = list[tuple[datetime, datetime]]

#: Carries the written form of ``DURATION`` past the library, which reads ``PT24H`` as one day.
_RAW: Final = "X-BAKEGATE-DURATION"
#: Carries the length of an event to each of its occurrences.
_LASTS: Final = "X-BAKEGATE-LASTS"
_DURATION: Final = pattern(
    r"\+?P(?=.)(?:(\d{1,5})W)?(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?"
)
#: Where a long line was broken (RFC 5545, section 3.1).
_FOLD: Final = pattern(r"\r?\n[ \t]")
#: Room for all-day events and floating times, whose instants the library does not know.
_SLACK: Final = timedelta(days=2)


def calendar_problem(text: str) -> str:
    """What is wrong with a calendar file, in words; empty where nothing is."""
    try:
        check(text, "UTC")
    except ValueError as error:
        return str(error)
    return ""


def check(text: str, where: str) -> None:
    """Raise ValueError with what is wrong in a calendar file."""
    if len(text) > MAX_BYTES:
        raise ValueError(f"the calendar is larger than {MAX_BYTES} bytes")
    try:
        first = min(
            (_moment(event["DTSTART"].dt, where) for event in _query(text, where)[1]), default=None
        )
        if first:
            intervals(text, where, first, first + timedelta(days=1))
    except ValueError:
        raise
    # The libraries raise whatever a broken calendar leads them to; all of it means "unreadable".
    except Exception as error:
        raise ValueError(f"the calendar cannot be read: {error}") from error


def intervals(text: str, where: str, start: datetime, end: datetime) -> Spans:
    """Events that count between two instants, and some around them; the caller clips.

    An occurrence that was cancelled or made transparent by itself is left out by itself.
    """
    found = _query(text, where)[0].between(start - _SLACK, end + _SLACK)
    return [
        _span(event, where)
        for event in found
        if str(event.get("STATUS", "")).upper() != "CANCELLED"
        and str(event.get("TRANSP", "")).upper() != "TRANSPARENT"
    ]


def _span(event: Event, where: str) -> tuple[datetime, datetime]:
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    lasts, written = event[_LASTS]
    if end - start != written:  # A period of RDATE has a length of its own, and is in UTC.
        return _moment(start, where), _moment(end, where)
    if not isinstance(start, datetime):
        return midnight(start, zone(where)), midnight(
            start + timedelta(days=lasts.days), zone(where)
        )
    nominal = (start + timedelta(days=lasts.days)).astimezone(UTC)
    return start.astimezone(UTC), nominal + timedelta(seconds=lasts.seconds)


def _moment(value: date, where: str) -> datetime:
    """A date as its local midnight, a time as its instant."""
    return value.astimezone(UTC) if isinstance(value, datetime) else midnight(value, zone(where))


@lru_cache(maxsize=64)
def _query(text: str, where: str) -> tuple[Any, list[Event]]:
    """The calendar ready to be asked, and its events; kept, because a gate asks again and again."""
    from icalendar import Calendar  # noqa: PLC0415 - slow to load, and few files need it

    # The library ships no types, and is slow to load too.
    from recurring_ical_events import (  # type: ignore[import-untyped] # noqa: PLC0415
        CalendarQuery,
    )

    try:
        calendars = Calendar.from_ical(_with_durations(text), multiple=True)
    except ValueError as error:
        raise ValueError(f"no iCalendar file: {error}") from error
    if not calendars:
        raise ValueError("no iCalendar file: it has no VCALENDAR")
    whole = Calendar()
    for calendar in calendars:
        if calendar.name != "VCALENDAR":
            raise ValueError(f"no iCalendar file: it starts with {calendar.name}")
        for event in calendar.walk("VEVENT"):
            try:
                _prepare(event, where)
            except ValueError as error:
                raise ValueError(f"event {event.get('UID', 'without UID')}: {error}") from error
            whole.add_component(event)
    return CalendarQuery(whole), whole.walk("VEVENT")


def _with_durations(text: str) -> str:
    lines: list[str] = []
    for line in _FOLD.sub("", text).splitlines():
        lines.append(line)
        name, _, value = line.partition(":")
        if name.upper().partition(";")[0] == "DURATION":
            lines.append(f"{_RAW}:{value}")
    return "\r\n".join(lines)


def _prepare(event: Event, where: str) -> None:
    """Give one event times in our zones, a rule that ends where it says, and its length."""
    for name, message in event.errors:
        raise ValueError(f"{name}: {message}")
    if "DTSTART" not in event:
        raise ValueError("it has no DTSTART")
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE"):
        for value in _listed(event.get(name)):
            tzid = value.params.get("TZID", "")
            for each in getattr(value, "dts", [value]):
                each.dt = _localized(each.dt, tzid, where)
    start = event["DTSTART"].dt
    for rule in _listed(event.get("RRULE")):
        _prepare_rule(rule, start, where)
    lasts = _length(event, start)
    days = timedelta(days=lasts.days)
    written = (
        event["DTEND"].dt - start if "DTEND" in event else days + timedelta(seconds=lasts.seconds)
    )
    event[_LASTS] = (lasts, written)


def _listed(value: Any) -> list[Any]:
    """The library gives a property that stands twice as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _localized(value: Any, tzid: str, where: str) -> Any:
    """A time of the library with our zone data: floating times in the window's zone."""
    if isinstance(value, tuple):  # A period of RDATE: in UTC, where its length is elapsed time.
        start = _localized(value[0], tzid, where).astimezone(UTC)
        end = value[1]
        return start, end if isinstance(end, timedelta) else _localized(
            end, tzid, where
        ).astimezone(UTC)
    if not isinstance(value, datetime):
        return value
    if not tzid:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=zone(where))
    return value.replace(tzinfo=zone(_zone_name(tzid)), fold=0)


def _zone_name(tzid: str) -> str:
    """The IANA name of a TZID; Windows has names of its own for zones."""
    from icalendar.timezone import windows_to_olson  # noqa: PLC0415 - as in _query

    return windows_to_olson.WINDOWS_TO_OLSON.get(tzid, tzid)


def _prepare_rule(rule: Any, start: date, where: str) -> None:
    timed = isinstance(start, datetime)
    local = (
        start.replace(tzinfo=None)
        if isinstance(start, datetime)
        else datetime.combine(start, time())
    )
    zoned = start.tzinfo if isinstance(start, datetime) else zone(where)
    for until in rule.get("UNTIL", []):
        moment = until if isinstance(until, datetime) else datetime.combine(until, time())
        if timed:
            rule["UNTIL"] = [
                (moment if moment.tzinfo else moment.replace(tzinfo=zoned)).astimezone(UTC)
            ]
        else:
            rule["UNTIL"] = [(moment.astimezone(zoned) if moment.tzinfo else moment).date()]
    name = getattr(zoned, "key", "UTC")
    rrule.check(rule.to_ical().decode(), local, name, may_be_over=True)


def _length(event: Event, start: date) -> Duration:
    timed = isinstance(start, datetime)
    if "DTEND" in event:
        end = event["DTEND"].dt
        if isinstance(end, datetime) is not timed:
            raise ValueError("DTSTART and DTEND are not both dates or both times")
        days, seconds = 0, 0
        if isinstance(start, datetime):
            seconds = int((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds())
        else:
            days = (end - start).days
        if days < 0 or seconds < 0:
            raise ValueError("DTEND is before DTSTART")
        return Duration(days, seconds)
    if _RAW not in event:
        return Duration(0 if timed else 1, 0)
    match = _DURATION.fullmatch(str(event[_RAW]))
    if not match:
        raise ValueError(
            f"DURATION {event[_RAW]} is none that an event can have; write PT1H or P1D"
        )
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    lasts = Duration(weeks * 7 + days, hours * 3600 + minutes * 60 + seconds)
    if lasts.seconds and not timed:
        raise ValueError("an all-day event lasts whole days")
    return lasts
