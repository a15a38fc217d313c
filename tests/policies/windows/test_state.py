"""What a gate asks: whether time is open now, until when, and by which window."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from policies.source import read
from policies.windows import (
    Change,
    Interval,
    WindowSet,
    WindowState,
    for_release,
    next_change,
    open_intervals,
    parse_windows,
    responsible,
    state,
    without_soft,
)


def windows(place: str, text: str) -> WindowSet:
    return WindowSet(place, parse_windows(read(text, "w.yaml")[0].root, "UTC"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


STAFFED = windows(
    "pipeline p",
    '- {name: staffed, effect: allow, weekly: [{days: [mon-fri], from: "09:00", until: "16:00"}]}',
)
FREEZE = windows(
    "organization retail",
    "- {name: freeze, effect: deny, between: {from: 2026-06-02T12:00, until: 2026-06-10T10:00}}",
)
EARLY = windows(
    "stage one-box",
    '- {name: early, effect: allow, weekly: [{days: [mon-sun], from: "06:00", until: "10:00"}]}',
)


def test_without_windows_time_is_open() -> None:
    assert state([], at("2026-06-01")) == WindowState(open=True, configured=False, until=None)
    empty = WindowSet("pipeline p", ())
    assert state([empty], at("2026-06-01")) == WindowState(open=True, configured=False, until=None)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-01T08:59", (False, "2026-06-01T09:00", "staffed (pipeline p)")),
        ("2026-06-01T09:00", (True, "2026-06-01T16:00", "staffed (pipeline p)")),
        ("2026-06-01T16:00", (False, "2026-06-02T09:00", "staffed (pipeline p)")),
        ("2026-06-02T11:00", (True, "2026-06-02T12:00", "staffed (pipeline p)")),
        ("2026-06-02T12:00", (False, "2026-06-10T10:00", "freeze (organization retail)")),
        ("2026-06-06T12:00", (False, "2026-06-10T10:00", "freeze (organization retail)")),
        ("2026-06-10T10:00", (True, "2026-06-10T16:00", "staffed (pipeline p)")),
    ],
)
def test_two_places(moment: str, expected: tuple[bool, str, str]) -> None:
    is_open, until, by = expected
    found = state([FREEZE, STAFFED], at(moment))
    assert found == WindowState(is_open, configured=True, until=at(until), by=by)


def test_each_place_needs_an_allow_of_its_own() -> None:
    found = open_intervals([STAFFED, EARLY], at("2026-06-01"), at("2026-06-02"))
    assert found == [
        Interval(
            at("2026-06-01T09:00"),
            at("2026-06-01T10:00"),
            "staffed (pipeline p)",
            "early (stage one-box)",
        )
    ]


def test_causes_are_named_where_the_range_does_not_cut() -> None:
    found = open_intervals([FREEZE, STAFFED], at("2026-06-02T10:00"), at("2026-06-10T12:00"))
    assert found == [
        Interval(
            at("2026-06-02T10:00"), at("2026-06-02T12:00"), "", "freeze (organization retail)"
        ),
        Interval(
            at("2026-06-10T10:00"), at("2026-06-10T12:00"), "freeze (organization retail)", ""
        ),
    ]


def test_the_next_change_is_looked_for_in_growing_ranges() -> None:
    far = windows(
        "ruleset r",
        "- {name: far, effect: deny, between: {from: 2027-06-01, until: 2029-06-01}}",
    )
    assert next_change([far], at("2026-06-15")) == Change(
        open=True, at=at("2027-06-01"), by="far (ruleset r)"
    )
    assert next_change([far], at("2026-01-01")) == Change(open=True, at=None, by="")
    assert next_change([far], at("2027-07-01")) == Change(open=False, at=None, by="")
    assert responsible([far], at("2027-07-01"), is_open=False) == "far (ruleset r)"
    assert state([far], at("2026-01-01")) == WindowState(open=True, configured=True, until=None)


def test_closed_by_nothing_but_being_outside() -> None:
    assert responsible([STAFFED], at("2026-06-06"), is_open=False) == "staffed (pipeline p)"


def test_instants_of_other_zones_are_the_same_instants() -> None:
    here = datetime.fromisoformat("2026-06-01T11:00:00+02:00")
    assert state([STAFFED], here).until == at("2026-06-01T16:00")


def test_an_empty_range_is_empty() -> None:
    assert open_intervals([STAFFED], at("2026-06-02"), at("2026-06-02")) == []
    assert open_intervals([STAFFED], at("2026-06-02"), at("2026-06-01")) == []


def test_a_rollback_meets_no_window() -> None:
    only = windows(
        "ruleset r",
        "- {name: n, effect: deny, applies_to: [normal, rollback],"
        " between: {from: 2026-01-01, until: 2027-01-01}}",
    )
    now = at("2026-06-06")
    opened = {
        kind: state(for_release([only], kind), now).open
        for kind in ("normal", "config", "rollback")
    }
    assert opened == {"normal": False, "config": True, "rollback": True}
    assert state(for_release([STAFFED], "rollback"), now).open


def test_soft_freezes_can_be_left_out() -> None:
    soft = windows(
        "ruleset r",
        "- {name: n, effect: deny, strength: soft, between: {from: 2026-01-01, until: 2027-01-01}}",
    )
    assert not state([soft], at("2026-06-01")).open
    assert without_soft([soft, STAFFED]) == (WindowSet("ruleset r", ()), STAFFED)


def test_windows_are_plain_values() -> None:
    assert pickle.loads(pickle.dumps(STAFFED)) == STAFFED  # noqa: S301 - written one line above


def test_an_old_rule_is_looked_at_only_around_the_instant() -> None:
    old = windows(
        "ruleset r",
        "- {name: n, effect: allow, rrule: FREQ=DAILY, starts: 1990-01-01T09:00, lasts: 1h}",
    )
    found = state([old], at("2026-06-01T09:30"))
    assert (found.open, found.until) == (True, at("2026-06-01T10:00"))
    assert state([old], at("2026-06-01T10:00")).until == at("2026-06-02T09:00")
    assert at("2026-06-02T09:00") - at("2026-06-01T10:00") == timedelta(hours=23)
