"""Laws of time windows, and weekly hours against a reading of the local clock minute by minute."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from policies.durations import Duration
from policies.findings import Span
from policies.windows import Effect, Interval, Window, WindowSet, open_intervals, state, zone
from policies.windows.model import Between, Recurring, Weekly, WeeklyHours

SPAN = Span("w.yaml", 1, 1, 1, 1)
START = datetime(2026, 3, 20, tzinfo=UTC)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
EFFECTS = st.sampled_from(list(Effect))
INSTANTS = st.integers(0, 21 * 96).map(lambda quarters: START + timedelta(minutes=15 * quarters))


@st.composite
def hours(draw: st.DrawFn) -> WeeklyHours:
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    start, until = draw(st.integers(0, 95)), draw(st.integers(0, 96))
    return WeeklyHours(days, start * 900, until * 900)


WEEKLY = st.lists(hours(), min_size=1, max_size=3).map(lambda found: Weekly(tuple(found)))
BETWEEN = st.builds(Between, INSTANTS, INSTANTS)
RECURRING = st.builds(
    Recurring,
    st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,MO", "FREQ=DAILY;INTERVAL=3;COUNT=9"]),
    st.integers(0, 47).map(
        lambda half: datetime.fromisoformat("2026-03-01T00:00") + timedelta(minutes=30 * half)
    ),
    st.builds(Duration, st.integers(0, 2), st.integers(1, 90_000)),
)


@st.composite
def windows(draw: st.DrawFn, effects: st.SearchStrategy[Effect] = EFFECTS) -> Window:
    recurrence = draw(st.one_of(WEEKLY, BETWEEN, RECURRING))
    return Window(f"w{draw(st.integers(0, 99))}", draw(effects), draw(ZONES), recurrence, SPAN)


SETS = st.lists(
    st.lists(windows(), max_size=3).map(lambda found: WindowSet("place", tuple(found))), max_size=3
)
RANGES = st.tuples(INSTANTS, INSTANTS).map(sorted)


def spans(found: list[Interval]) -> list[tuple[datetime, datetime]]:
    return [(each.start, each.end) for each in found]


def contains(found: list[Interval], at: datetime) -> bool:
    return any(each.start <= at < each.end for each in found)


@given(SETS, RANGES)
def test_sorted_disjoint_maximal_and_inside(sets: list[WindowSet], range_: list[datetime]) -> None:
    start, end = range_
    found = open_intervals(sets, start, end)
    assert all(start <= each.start < each.end <= end for each in found)
    assert all(one.end < two.start for one, two in itertools.pairwise(found))


@given(SETS, INSTANTS)
def test_state_agrees_with_the_intervals(sets: list[WindowSet], at: datetime) -> None:
    found = open_intervals(sets, at - timedelta(days=3), at + timedelta(days=400))
    told = state(sets, at)
    assert told.open is contains(found, at)
    if told.until:
        assert state(sets, told.until).open is not told.open
        edges = {edge for each in found for edge in (each.start, each.end)}
        assert not any(at < edge < told.until for edge in edges)


@given(SETS, st.tuples(INSTANTS, INSTANTS, INSTANTS).map(sorted))
def test_splitting_a_range_loses_nothing(sets: list[WindowSet], cut: list[datetime]) -> None:
    start, middle, end = cut
    joined = spans(open_intervals(sets, start, middle))
    for begin, stop in spans(open_intervals(sets, middle, end)):
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((begin, stop))
    assert joined == spans(open_intervals(sets, start, end))


@given(SETS, windows(st.just(Effect.DENY)), RANGES)
def test_a_deny_never_opens(sets: list[WindowSet], deny: Window, range_: list[datetime]) -> None:
    before = open_intervals(sets, *range_)
    after = open_intervals([*sets, WindowSet("more", (deny,))], *range_)
    assert all(contains(before, each.start) for each in after)
    assert _total(after) <= _total(before)


@given(SETS, SETS, RANGES, INSTANTS)
def test_places_intersect(
    one: list[WindowSet], two: list[WindowSet], range_: list[datetime], at: datetime
) -> None:
    found = [open_intervals(sets, *range_) for sets in (one, two, [*one, *two])]
    assert contains(found[2], at) is (contains(found[0], at) and contains(found[1], at))


@given(st.lists(windows(st.just(Effect.ALLOW)), min_size=1, max_size=3), RANGES, INSTANTS)
def test_allows_of_one_place_unite(
    allows: list[Window], range_: list[datetime], at: datetime
) -> None:
    alone = [open_intervals([WindowSet("p", (each,))], *range_) for each in allows]
    together = open_intervals([WindowSet("p", tuple(allows))], *range_)
    assert contains(together, at) is any(contains(each, at) for each in alone)


@given(hours(), ZONES, st.sampled_from([datetime(2026, 3, 28, tzinfo=UTC), START]))
def test_weekly_hours_as_the_clock_on_the_wall_says(
    one: WeeklyHours, name: str, start: datetime
) -> None:
    """Away from changes of the clock, an instant is open if its local time is inside."""
    window = Window("w", Effect.ALLOW, name, Weekly((one,)), SPAN)
    found = open_intervals([WindowSet("p", (window,))], start, start + timedelta(days=3))
    for minute in range(0, 3 * 24 * 60, 7):
        at = start + timedelta(minutes=minute)
        if _is_steady(at, name):
            assert contains(found, at) is _on_the_wall(one, at.astimezone(zone(name)))


def _is_steady(at: datetime, name: str) -> bool:
    there = zone(name)
    offsets = {(at + timedelta(hours=h)).astimezone(there).utcoffset() for h in range(-50, 51, 2)}
    return len(offsets) == 1


def _on_the_wall(one: WeeklyHours, local: datetime) -> bool:
    second = local.hour * 3600 + local.minute * 60 + local.second
    today, yesterday = local.weekday() in one.days, (local.weekday() - 1) % 7 in one.days
    if one.until > one.start:
        return today and one.start <= second < one.until
    return (today and second >= one.start) or (yesterday and second < one.until)


def _total(found: list[Interval]) -> timedelta:
    return sum((each.end - each.start for each in found), timedelta())
