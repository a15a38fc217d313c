"""``time_windows`` of a file as ``Window`` objects; every error at once, each with its place.

Bad input is never an open or a closed window: whatever cannot be understood is an error.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from policies.documents import DocumentError, Issue
from policies.durations import Duration, parse_duration
from policies.findings import Span
from policies.patterns import pattern
from policies.source import Mapping, Node, Scalar, Sequence
from policies.windows import calendars, public_holidays, rrule
from policies.windows.items import Item
from policies.windows.model import (
    Between,
    Calendar,
    Effect,
    PublicHolidays,
    Recurrence,
    Recurring,
    Strength,
    Weekly,
    WeeklyHours,
    WhenClosing,
    Window,
)
from policies.windows.spelling import parse_days, parse_moment, parse_time
from policies.windows.zones import instant, zone

#: Gives the text of a calendar by the name that a window uses; None for an address, which only a
#: service reads, that was never read.
Calendars = Callable[[str], str | None]

#: Words that a ruleset may write as a zone; whoever reads the ruleset says what they mean.
ZONE_WORDS: Final = ("team", "target")

#: The kinds of a release, as ``policies.release.ReleaseKind`` has them (that module lies above).
RELEASE_KINDS: Final = ("normal", "rollback", "emergency", "config", "first")

#: From the most to the least critical.
TIERS: Final = ("0", "1", "2", "3")

_RECURRENCES: Final = ("weekly", "between", "rrule", "calendar", "holidays")
_KEYS: Final = (
    "name",
    "effect",
    "zone",
    *_RECURRENCES,
    "starts",
    "lasts",
    "reason",
    "owner",
    "when_closing",
    "applies_to",
    "strength",
    "tiers",
)
_NAME: Final = pattern(r"[a-z0-9][a-z0-9-]{0,62}")
_LONGEST_DAYS: Final = 3660
_EXAMPLE: Final = "{name: staffed, effect: allow, zone: Europe/Berlin, weekly: [...]}"
_WEEKLY: Final = '[{days: [mon-fri], from: "09:00", until: "16:00"}]'
_BETWEEN: Final = "{from: 2026-12-18T17:00, until: 2027-01-04T09:00}"
_HOLIDAYS: Final = "{country: DE, subdivision: BY}"


def is_address(name: str) -> bool:
    """Whether a calendar is named by an address instead of a file."""
    return name.startswith(("https://", "http://"))


def parse_windows(
    node: Node, zone: str | None, *, calendars: Calendars | None = None
) -> tuple[Window, ...]:
    """Read the value of ``time_windows``; raises DocumentError with everything that is wrong.

    ``zone`` is what ``team``, ``target`` and a missing zone mean, None where every window must name
    its own. ``calendars`` may raise OSError, LookupError or ValueError for a name.
    """
    issues: list[Issue] = []
    windows: list[Window] = []
    if not isinstance(node, Sequence):
        raise DocumentError(
            [Issue(node.span, f"a list of windows is expected; write [{_EXAMPLE}]")]
        )
    names: dict[str, Span] = {}
    for each in node.items:
        reading = _WindowReading(zone, calendars, issues)
        window = reading.window(each)
        if window is None:
            continue
        first = names.setdefault(window.name, window.span)
        if first is not window.span:
            told = f"the name {window.name!r} stands already on line {first.line}; names are unique"
            issues.append(Issue(window.span, told))
        windows.append(window)
    if issues:
        raise DocumentError(issues)
    return tuple(windows)


class _WindowReading:
    """Reads one window; what it returns after an error never leaves this module."""

    def __init__(self, zone: str | None, texts: Calendars | None, issues: list[Issue]) -> None:
        self._default_zone = zone
        self._texts = texts
        self._issues = issues
        self._zone = "UTC"

    def window(self, node: Node) -> Window | None:
        if not isinstance(node, Mapping):
            told = f"a window is a mapping; write {_EXAMPLE}"
            self._issues.append(Issue(node.span, told))
            return None
        item = Item(node, _visible(node), self._issues)
        item.only(_KEYS)
        name = item.value("name", _name, needed="a name as staffed")
        effect = item.word("effect", Effect, needed="allow or deny")
        self._read_zone(item)
        recurrence = self._recurrence(item)
        window = Window(
            name=name or "",
            effect=effect or Effect.ALLOW,
            zone=self._zone,
            recurrence=recurrence or Weekly(()),
            span=item.visible,
            reason=item.value("reason", str) or "",
            owner=item.value("owner", str) or "",
            when_closing=item.word("when_closing", WhenClosing) or WhenClosing.FINISH,
            applies_to=_kinds(item),
            strength=item.word("strength", Strength) or Strength.HARD,
            tiers=_tiers(item),
        )
        if "strength" in node.entries and window.effect is Effect.ALLOW and effect:
            item.tell(node.entries["strength"].key.span, "only a deny window has a strength")
        return window if name else None

    def _read_zone(self, item: Item) -> None:
        if "zone" in item.node.entries:
            self._zone = item.value("zone", self._known_zone) or "UTC"
        elif self._default_zone is not None:
            self._zone = self._default_zone
        else:
            item.tell(item.visible, "'zone' is missing; write an IANA name as Europe/Berlin")

    def _known_zone(self, text: str) -> str:
        if text in ZONE_WORDS:
            if self._default_zone is None:
                raise ValueError(
                    f"{text!r} has a meaning only in a ruleset of an organization with a zone; "
                    "write an IANA name as Europe/Berlin"
                )
            return self._default_zone
        zone(text)
        return text

    def _recurrence(self, item: Item) -> Recurrence | None:
        found = [key for key in _RECURRENCES if key in item.node.entries]
        if len(found) != 1:
            said = f"this one has {' and '.join(found)}" if found else "this one has none"
            told = f"a window has exactly one of {', '.join(_RECURRENCES)}; {said}"
            item.tell(item.node.entries[found[1]].key.span if found else item.visible, told)
            return None
        if found != ["rrule"]:
            for key in ("starts", "lasts"):
                if key in item.node.entries:
                    item.tell(item.node.entries[key].key.span, f"{key!r} belongs to rrule only")
        match found[0]:
            case "weekly":
                return _weekly(item)
            case "between":
                return self._between(item)
            case "rrule":
                return self._recurring(item)
            case "calendar":
                return item.value("calendar", self._calendar)
            case _:
                return _holidays(item)

    def _between(self, item: Item) -> Between | None:
        ends = item.inner("between", example=_BETWEEN)
        if ends is None:
            return None
        ends.only(("from", "until"))
        start = ends.value("from", parse_moment, needed="a point in time as 2026-12-18T17:00")
        until = ends.value("until", parse_moment, needed="a point in time as 2027-01-04T09:00")
        if start is None or until is None:
            return None
        found = Between(self._instant(start), self._instant(until))
        # Two local times are compared as such: one in a gap of the clock makes an empty window.
        same = (start.tzinfo is None) is (until.tzinfo is None)
        if (until <= start) if same else (found.until <= found.start):
            at = ends.node.entries["until"].value.span
            ends.tell(at, "the window ends before it starts; 'until' is later than 'from'")
        return found

    def _instant(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else instant(moment, zone(self._zone))

    def _recurring(self, item: Item) -> Recurring | None:
        starts = item.value("starts", parse_moment, needed="the first start as 2026-01-30T00:00")
        lasts = item.value("lasts", _lasts, needed="a duration as 1d, 24h or 1d3h")
        if starts is None:
            item.value("rrule", rrule.parts)
            return None
        if starts.tzinfo:
            starts = starts.astimezone(zone(self._zone)).replace(tzinfo=None)
        rule = item.value("rrule", lambda text: _checked_rule(text, starts, self._zone))
        return Recurring(rule, starts, lasts) if rule and lasts else None

    def _calendar(self, name: str) -> Calendar:
        if self._texts is None:
            raise ValueError("calendar files cannot be read here; write weekly, between or rrule")
        try:
            text = self._texts(name)
        except (OSError, LookupError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "not found"
            raise ValueError(f"calendar {name!r} cannot be read: {reason}") from error
        if text is None:
            return Calendar(name, None)
        try:
            calendars.check(text, self._zone)
        except ValueError as error:
            raise ValueError(f"calendar {name!r}: {error}") from error
        return Calendar(name, text)


def _visible(node: Mapping) -> Span:
    """Where a reader looks for a window: its name, else its first key."""
    named = node.get("name")
    if isinstance(named, Scalar):
        return named.span
    first = next(iter(node.entries.values()), None)
    return first.key.span if first else node.span


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name; write small letters, digits and -, at most 63")
    return text


def _kinds(item: Item) -> tuple[str, ...]:
    if "applies_to" not in item.node.entries:
        return ()
    nodes = item.items("applies_to", example="[normal, config]")
    return tuple(kind for node in nodes if (kind := item.scalar(node, _kind)))


def _tiers(item: Item) -> tuple[int, ...]:
    if "tiers" not in item.node.entries:
        return ()
    nodes = item.items("tiers", example="[0, 1]")
    read = (item.scalar(node, _tier) for node in nodes)
    return tuple(tier for tier in read if tier is not None)


def _tier(text: str) -> int:
    if text not in TIERS:
        raise ValueError(f"{text!r} is no tier; known are {', '.join(TIERS)}")
    return int(text)


def _kind(text: str) -> str:
    if text not in RELEASE_KINDS:
        raise ValueError(f"{text!r} is no kind of release; known are {', '.join(RELEASE_KINDS)}")
    return text


def _weekly(item: Item) -> Weekly:
    nodes = item.items("weekly", example=_WEEKLY)
    hours = [
        _hours(entry)
        for node in nodes
        if (entry := item.child(node, node.span, example=_WEEKLY)) is not None
    ]
    return Weekly(tuple(each for each in hours if each))


def _hours(item: Item) -> WeeklyHours | None:
    item.only(("days", "from", "until"))
    read = [item.scalar(node, parse_days) for node in item.items("days", example="[mon-fri]")]
    start = item.value("from", lambda text: parse_time(text, end=False), needed='"09:00"')
    until = item.value("until", lambda text: parse_time(text, end=True), needed='"16:00"')
    if start is None or until is None:
        return None
    return WeeklyHours(frozenset(day for days in read if days for day in days), start, until)


def _lasts(text: str) -> Duration:
    lasts = parse_duration(text)
    if not 0 < lasts.days * 86_400 + lasts.seconds <= _LONGEST_DAYS * 86_400:
        raise ValueError(f"{text!r} is no length of a window; write 1s to {_LONGEST_DAYS}d")
    return lasts


def _checked_rule(text: str, starts: datetime, where: str) -> str:
    rrule.check(text, starts, where)
    return text


def _holidays(item: Item) -> PublicHolidays | None:
    place = item.inner("holidays", example=_HOLIDAYS)
    if place is None:
        return None
    place.only(("country", "subdivision"))
    country = place.value("country", _country, needed="a country as DE")
    if country is None:
        return None
    subdivision = place.value("subdivision", lambda text: _subdivision(country, text))
    return PublicHolidays(country, subdivision or "")


def _country(text: str) -> str:
    public_holidays.check(text, "")
    return text


def _subdivision(country: str, text: str) -> str:
    public_holidays.check(country, text)
    return text
