"""Bad windows are errors with a place, all at once; good ones keep every key."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from policies.documents import DocumentError
from policies.durations import Duration
from policies.release import ReleaseKind
from policies.source import read
from policies.windows import Effect, Strength, WhenClosing, Window, parse_windows
from policies.windows.model import (
    Between,
    Calendar,
    PublicHolidays,
    Recurring,
    Weekly,
    WeeklyHours,
)
from policies.windows.parsing import RELEASE_KINDS

GOOD = 'weekly: [{days: [mon], from: "09:00", until: "16:00"}]'
ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\n"
    "{}\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def windows(
    text: str, zone: str | None = None, calendars: Callable[[str], str] | None = None
) -> tuple[Window, ...]:
    return parse_windows(read(text, "w.yaml")[0].root, zone, calendars=calendars)


def errors(
    text: str, zone: str | None = None, calendars: Callable[[str], str] | None = None
) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        windows(text, zone, calendars)
    return [str(issue) for issue in caught.value.issues]


def one(rest: str) -> str:
    return f"- {{name: n, effect: deny, zone: UTC, {rest}}}"


def place(text: str, needle: str) -> int:
    """The column of the last place of a word in a text of one line."""
    return text.rindex(needle) + 1


CALENDAR_AT = place(one("calendar: c.ics"), "c.ics")


def recurrence(rest: str) -> object:
    return windows(one(rest))[0].recurrence


def test_every_key_is_kept() -> None:
    text = """\
- name: freeze
  effect: deny
  zone: Europe/Berlin
  weekly:
    - {days: [mon-wed, fri], from: 09:00, until: "24:00"}
  reason: people are away
  owner: release-engineering
  when_closing: hold
  applies_to: [normal, config]
  strength: soft
"""
    window = windows(text)[0]
    assert (window.name, window.effect, window.zone) == ("freeze", Effect.DENY, "Europe/Berlin")
    assert window.recurrence == Weekly((WeeklyHours(frozenset({0, 1, 2, 4}), 32_400, 86_400),))
    assert (window.reason, window.owner) == ("people are away", "release-engineering")
    assert window.when_closing is WhenClosing.HOLD
    assert window.applies_to == ("normal", "config")
    assert window.strength is Strength.SOFT
    assert (window.span.line, window.span.column) == (1, 9)


def test_recurrences_are_read() -> None:
    utc = datetime(2026, 1, 1, 9, tzinfo=UTC)
    later = datetime(2026, 1, 2, tzinfo=UTC)
    assert recurrence("between: {from: 2026-01-01T09:00, until: 2026-01-02}") == Between(utc, later)
    assert recurrence("rrule: FREQ=DAILY, starts: 2026-01-01T09:00, lasts: 1d3h") == Recurring(
        "FREQ=DAILY",
        datetime.fromisoformat("2026-01-01T09:00"),
        Duration(1, 10_800),
    )
    assert recurrence("holidays: {country: DE, subdivision: BY}") == PublicHolidays("DE", "BY")
    text = ICS.format("DTSTART:20260101T090000Z")
    [window] = windows(one("calendar: c.ics"), calendars={"c.ics": text}.__getitem__)
    assert window.recurrence == Calendar("c.ics", text)


def test_zone_words_mean_the_zone_of_the_caller() -> None:
    text = "\n".join(f"- {{name: {n}, effect: deny, {z}{GOOD}}}" for n, z in WORDS.items())
    assert [each.zone for each in windows(text, "Asia/Tokyo")] == ["Asia/Tokyo"] * 3
    assert errors(text) == [
        (
            "w.yaml:1:33: 'team' has a meaning only in a ruleset of an organization with a zone; "
            "write an IANA name as Europe/Berlin"
        ),
        (
            "w.yaml:2:33: 'target' has a meaning only in a ruleset of an organization with a zone; "
            "write an IANA name as Europe/Berlin"
        ),
        "w.yaml:3:10: 'zone' is missing; write an IANA name as Europe/Berlin",
    ]


WORDS = {"a": "zone: team, ", "b": "zone: target, ", "c": ""}


def test_release_kinds_are_those_of_a_release() -> None:
    assert list(ReleaseKind) == list(RELEASE_KINDS)


def test_all_errors_at_once() -> None:
    text = """\
- {name: A b, effect: alow, zone: Europe/Berln, weekly: [{days: [mon-fry], from: "25:00", until: "24:01"}]}
- nonsense
- {effect: deny, zone: UTC, colour: red}
- {name: x, effect: allow, zone: UTC, strength: soft, applies_to: [urgent], when_closing: now, weekly: []}
- {name: x, effect: deny, zone: UTC, weekly: [{days: mon, from: "24:00"}], between: {}}
"""  # noqa: E501 - places in one line are what is tested
    assert errors(text) == [
        "w.yaml:1:10: 'A b' is no name; write small letters, digits and -, at most 63",
        "w.yaml:1:23: unknown word 'alow'; did you mean 'allow'? known are allow, deny",
        "w.yaml:1:35: unknown zone 'Europe/Berln'; did you mean Europe/Berlin?",
        (
            "w.yaml:1:66: unknown day 'mon-fry'; "
            "write mon, tue, wed, thu, fri, sat, sun or a range as mon-fri"
        ),
        "w.yaml:1:82: '25:00' is no time of day; write 00:00 to 23:59, quoted, with two digits",
        "w.yaml:1:98: '24:01' is no time of day; write 00:00 to 24:00, quoted, with two digits",
        (
            "w.yaml:2:3: a window is a mapping; "
            "write {name: staffed, effect: allow, zone: Europe/Berlin, weekly: [...]}"
        ),
        "w.yaml:3:4: 'name' is missing; write a name as staffed",
        (
            "w.yaml:3:4: a window has exactly one of weekly, between, rrule, calendar, holidays; "
            "this one has none"
        ),
        f"w.yaml:3:29: unknown key 'colour'; {KNOWN}",
        "w.yaml:4:39: only a deny window has a strength",
        (
            "w.yaml:4:68: 'urgent' is no kind of release; "
            "known are normal, rollback, emergency, config, first"
        ),
        "w.yaml:4:91: unknown word 'now'; known are finish, hold, abort",
        (
            "w.yaml:4:104: a list with entries is expected here; "
            'write [{days: [mon-fri], from: "09:00", until: "16:00"}]'
        ),
        "w.yaml:5:10: the name 'x' stands already on line 4; names are unique",
        (
            "w.yaml:5:76: a window has exactly one of weekly, between, rrule, calendar, holidays; "
            "this one has weekly and between"
        ),
    ]


KNOWN = (
    "known are name, effect, zone, weekly, between, rrule, calendar, holidays, starts, lasts, "
    "reason, owner, when_closing, applies_to, strength, tiers"
)


@pytest.mark.parametrize(
    ("rest", "needle", "message"),
    [
        (
            "between: {from: 2026-02-30, until: 2026-03-01}",
            "2026-02-30",
            "'2026-02-30' is no",
        ),
        (
            "between: {from: 2026-01-01T25:00, until: 2026-03-01}",
            "2026-01-01T25",
            "'2026-01-01T25:00' is no",
        ),
        (
            "between: {from: 2026-03-02, until: 2026-03-01}",
            "2026-03-01}",
            "the window ends before it starts",
        ),
        (
            "between: {from: 2026-03-01, until: 2026-03-01}",
            "2026-03-01}",
            "the window ends before it starts",
        ),
        ("between: {from: 0001-01-01, until: 2026-03-01}", "0001", "'0001-01-01' is too far away"),
        ("between: {from: 2026-03-02}", "between", "'until' is missing"),
        ("rrule: FREQ=DAILY, lasts: 1d", "n, effect", "'starts' is missing"),
        ("rrule: FREQ=DAILY, starts: 2026-01-01", "n, effect", "'lasts' is missing"),
        ("rrule: FREQ=DAILY, starts: 2026-01-01, lasts: P1D", "P1D", "'P1D' is not a duration"),
        ("rrule: FREQ=DAILY, starts: 2026-01-01, lasts: 0s", "0s", "'0s' is no length"),
        ("rrule: FREQ=DAILY, starts: 2026-01-01, lasts: 99999d", "99999d", "'99999d' is no length"),
        ("holidays: {country: XX}", "XX", "unknown country 'XX'"),
        ("holidays: {country: de}", "de}", "unknown country 'de'; did you mean DE?"),
        ("holidays: {country: DE, subdivision: ZZ}", "ZZ", "unknown subdivision 'ZZ'"),
        ("holidays: {}", "holidays", "'country' is missing"),
        ("calendar: c.ics", "c.ics", "calendar files cannot be read here"),
        (f"starts: 2026-01-01, {GOOD}", "starts", "'starts' belongs to rrule only"),
        (
            'weekly: [{days: [mon], from: "9:00", until: "16:00"}]',
            '"9:00',
            "'9:00' is no time",
        ),
        ('weekly: [{days: [mon], from: "09:60", until: "16:00"}]', '"09:60', "'09:60' is no time"),
        ('weekly: [{days: [], from: "09:00", until: "16:00"}]', "[]", "a list with entries is"),
        (
            'weekly: [{days: [monday], from: "09:00", until: "16:00"}]',
            "monday",
            "unknown day",
        ),
        ("weekly: [mon]", "mon]", "a mapping is expected here"),
    ],
)
def test_one_error(rest: str, needle: str, message: str) -> None:
    [found] = errors(one(rest))
    assert found.startswith(f"w.yaml:1:{place(one(rest), needle)}: {message}")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is wrong; allowed is 1 to 9999"),
        (
            "FREQ=SECONDLY",
            "FREQ=SECONDLY is wrong; allowed is YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY",
        ),
        ("INTERVAL=2", "the rule has no FREQ; write as FREQ=WEEKLY;BYDAY=MO"),
        ("FREQ=DAILY;FREQ=DAILY", "the rule says FREQ twice"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260201", "the rule has COUNT and UNTIL; RFC 5545 allows one"),
        ("FREQ=DAILY;BYEASTER=0", "unknown part 'BYEASTER'; known are FREQ, UNTIL"),
        ("FREQ=DAILY;BYHOUR=25", "BYHOUR=25 is wrong; allowed is 0 to 23"),
        ("FREQ=MONTHLY;BYMONTHDAY=-32", "BYMONTHDAY=-32 is wrong; allowed is 1 to 31 or -31 to -1"),
        ("FREQ=MONTHLY;BYDAY=XX", "BYDAY=XX is wrong"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY=0MO is wrong"),
        ("FREQ=WEEKLY;BYDAY=1MO", "numbers in BYDAY need FREQ=MONTHLY or FREQ=YEARLY"),
        ("FREQ=DAILY;UNTIL=20261301", "UNTIL=20261301 is wrong"),
        ("FREQ=DAILY;WKST=1", "WKST=1 is wrong; allowed is MO to SU"),
        ("FREQ=DAILY;UNTIL=20251231T000000", "the rule never fires"),
        ("FREQ=DAILY;UNTIL=20251231T235959Z", "the rule never fires"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "the rule never fires"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "the rule never fires"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", "the rule never fires"),
        ("FREQ=HOURLY;BYSETPOS=2;BYMINUTE=0", "BYSETPOS needs FREQ=DAILY"),
        ("FREQ=DAILY;BYHOUR=1,2;BYMINUTE=" + ",".join(map(str, range(60))), "the rule fires more"),
    ],
)
def test_wrong_rule(rule: str, message: str) -> None:
    text = one(f"rrule: '{rule}', starts: 2026-01-01, lasts: 1h")
    [found] = errors(text)
    assert found.startswith(f"w.yaml:1:{place(text, rule) - 1}: {message}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("DTSTART:2026foo", "event a: DTSTART: Expected time, got: 2026foo"),
        ("SUMMARY:x", "event a: it has no DTSTART"),
        ("DTSTART:20260101T090000Z\r\nDTEND:20260101T080000Z", "event a: DTEND is before DTSTART"),
        ("DTSTART:20260101T090000Z\r\nDTEND;VALUE=DATE:20260102", "event a: DTSTART and DTEND are"),
        ("DTSTART;TZID=Mars/Phobos:20260101T090000", "event a: unknown zone 'Mars/Phobos'"),
        ("DTSTART:20260101T090000Z\r\nDURATION:-PT1H", "event a: DURATION -PT1H is none"),
        ("DTSTART;VALUE=DATE:20260101\r\nDURATION:PT1H", "event a: an all-day event lasts whole"),
        ("DTSTART:20260101T090000Z\r\nRRULE:FREQ=DAILY;INTERVAL=0", "event a: INTERVAL=0 is wrong"),
        ("DTSTART:20260101T090000Z\r\nRRULE:FREQ=FOO", "event a: RRULE: Expected frequency"),
    ],
)
def test_wrong_calendar(body: str, message: str) -> None:
    [found] = errors(one("calendar: c.ics"), calendars=lambda _: ICS.format(body))
    assert found.startswith(f"w.yaml:1:{CALENDAR_AT}: calendar 'c.ics': {message}")


@pytest.mark.parametrize("text", ["", "<html>", "BEGIN:VEVENT\r\nEND:VEVENT\r\n", "\0", "BEGIN:"])
def test_no_calendar(text: str) -> None:
    [found] = errors(one("calendar: c.ics"), calendars=lambda _: text)
    assert found.startswith(f"w.yaml:1:{CALENDAR_AT}: calendar 'c.ics': no iCalendar file")


def test_missing_calendar() -> None:
    [found] = errors(one("calendar: c.ics"), calendars=dict[str, str]().__getitem__)
    assert found == f"w.yaml:1:{CALENDAR_AT}: calendar 'c.ics' cannot be read: 'c.ics'"


def test_an_ended_series_is_no_error() -> None:
    body = "DTSTART:20260101T090000Z\r\nRRULE:FREQ=DAILY;UNTIL=20251231T000000Z"
    [window] = windows(one("calendar: c.ics"), calendars=lambda _: ICS.format(body))
    assert window.name == "n"


@pytest.mark.parametrize("text", ["{}", "null", "allow", "3"])
def test_no_list(text: str) -> None:
    [found] = errors(text)
    assert found.startswith("w.yaml:1:1: a list of windows is expected")


def test_an_empty_list_is_no_error() -> None:
    assert windows("[]") == ()
