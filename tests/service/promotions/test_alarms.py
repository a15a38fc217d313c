"""Alarms over counts: thresholds, ratios, M of N, missing data, and one place or many."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies.alarm import Alarm
from policies.findings import Span
from policies.pipeline import Target
from service.errors import Conflict
from service.promotions.alarms import AlarmLevel, Counts, alarm_level, places, worst
from service.promotions.reported import Reach, Report, Said, require_whole

NOW = datetime(2026, 11, 24, 9, 5, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RATIO = Alarm(
    name="errors",
    span=Span("p.yaml", 1, 1, 1, 2),
    negative_ratio=0.05,
    minimum=10,
    periods=2,
    of=3,
    period=MINUTE,
    missing="unknown",
    scope="service",
)
COUNT = replace(RATIO, negative_ratio=None, negatives=3, minimum=1)


def seen(*answers: tuple[int, int], target: str = "cell") -> list[Counts]:
    """Positive and negative answers of the running minute and of those before, newest first."""
    start = NOW.replace(second=0)
    return [
        Counts(target, start - back * MINUTE, positive, negative)
        for back, (positive, negative) in enumerate(answers)
    ]


@pytest.mark.parametrize(
    ("alarm", "answers", "level"),
    [
        (RATIO, [(95, 5), (95, 5), (95, 5)], "ok"),
        (RATIO, [(94, 6), (94, 6)], "alarm"),
        (RATIO, [(94, 6), (100, 0), (94, 6)], "alarm"),
        (RATIO, [(94, 6), (100, 0), (100, 0), (94, 6)], "ok"),
        (RATIO, [(1, 8), (1, 8)], "unknown"),
        (COUNT, [(100, 3), (100, 3)], "ok"),
        (COUNT, [(10_000, 4), (0, 4)], "alarm"),
        (COUNT, [(10_000, 4), (10_000, 3)], "ok"),
        (COUNT, [], "unknown"),
        (replace(COUNT, missing="ok"), [], "ok"),
        (replace(COUNT, missing="alarm"), [], "alarm"),
        (replace(RATIO, negatives=3), [(10_000, 4), (10_000, 4)], "alarm"),
        (replace(RATIO, negative_ratio=None), [(0, 99), (0, 99)], "unknown"),
    ],
)
def test_an_alarm_fires_over_its_limit_in_m_of_n_periods(
    alarm: Alarm, answers: list[tuple[int, int]], level: str
) -> None:
    assert alarm_level(alarm, seen(*answers), NOW) == level


TARGETS = (
    Target("one", "eu", "a"),
    Target("two", "eu", "a"),
    Target("three", "eu", "b"),
    Target("four", "us", "a"),
)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("service", {"": {"one", "two", "three", "four"}}),
        ("target", {"one": {"one"}, "two": {"two"}, "three": {"three"}, "four": {"four"}}),
        ("zone", {"eu/a": {"one", "two"}, "eu/b": {"three"}, "us/a": {"four"}}),
        ("region", {"eu": {"one", "two", "three"}, "us": {"four"}}),
    ],
)
def test_an_alarm_judges_each_of_its_places(scope: str, expected: dict[str, set[str]]) -> None:
    found = places(replace(RATIO, scope=scope), "wave-1", TARGETS)
    assert {place: set(names) for place, names in found.items()} == expected


def test_a_stage_without_targets_is_one_place() -> None:
    assert places(replace(RATIO, scope="target"), "cell", ()) == {"cell": frozenset({"cell"})}


def test_the_worst_place_counts_and_silence_is_not_well() -> None:
    ok, alarm, unknown = AlarmLevel.OK, AlarmLevel.ALARM, AlarmLevel.UNKNOWN
    assert worst([ok, unknown, alarm]) is alarm
    assert worst([ok, unknown]) is unknown
    assert worst([ok]) is ok
    assert worst([]) is unknown


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Report("x", Said.OK, Reach.SERVICE), "scope service names its pipeline"),
        (Report("x", Said.OK, Reach.TARGET, "shop"), "scope target names its place"),
        (Report("x", Said.OK, Reach.ORGANIZATION, "shop"), "scope org names no pipeline"),
        (Report("x", Said.OK, Reach.SERVICE, "shop", place="eu"), "service names no place"),
        (Report("x", Said.OK, Reach.REGION, "shop", place="eu"), "region names no pipeline"),
        (Report("x", Said.OK, Reach.ZONE, place="a"), "such as eu/a"),
    ],
)
def test_a_report_says_whom_it_concerns_and_no_more(given: Report, told: str) -> None:
    with pytest.raises(Conflict, match=told):
        require_whole(given)


def test_a_whole_report_is_taken() -> None:
    require_whole(Report("x", Said.OK, Reach.ZONE, organization="retail", place="eu/a"))
