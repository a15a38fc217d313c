"""To what the time before a stage is charged."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.promotions.views import DecisionView
from service.promotions.waits import Cause, Waited, waits
from tests.twins.sights import NOW, ago, condition, decision, result
from tests.twins.sights import waits as waiting

BEFORE = waiting(1846, "cell-1", None, entered_at=ago(minutes=60))


def held(at: datetime, *sources: str, stage: str = "cell-1") -> DecisionView:
    conditions = {"manual-transition", "approval", "stage-busy", "paused"}
    parts = [
        condition(each, "hold", "not yet")
        if each in conditions
        else result(each, "fail", "block", "hold", "not yet")
        for each in sources
    ]
    return decision("d-1", stage, "hold" if parts else "allow", *parts, at=at)


@pytest.mark.parametrize(
    ("sources", "cause", "rules"),
    [
        (("stage-busy", "time-window", "freeze-calendar"), Cause.FREEZE, ("freeze-calendar",)),
        (("alarm-block", "bake-time"), Cause.RULE, ("bake-time",)),
        (("stage-busy", "time-window"), Cause.WINDOW, ("time-window",)),
        (("manual-transition", "approval"), Cause.APPROVAL, ("approval",)),
        (("stage-busy", "paused"), Cause.MANUAL, ("paused",)),
        (("stage-busy",), Cause.MUTEX, ("stage-busy",)),
        ((), Cause.UNKNOWN, ()),
    ],
)
def test_what_holds_at_once_is_charged_once(
    sources: tuple[str, ...], cause: Cause, rules: tuple[str, ...]
) -> None:
    since = BEFORE.entered_at
    assert waits(BEFORE, [held(since, *sources)], NOW) == (Waited(cause, rules, since, NOW),)


def test_a_new_decision_begins_a_new_stretch_unless_the_cause_is_the_same() -> None:
    decisions = [
        held(ago(minutes=20), "time-window", "stage-busy"),
        held(ago(minutes=60), "stage-busy"),
        held(ago(minutes=40), "time-window"),
        held(ago(minutes=10), "manual-transition", stage="wave-2"),
    ]
    assert waits(BEFORE, decisions, NOW) == (
        Waited(Cause.MUTEX, ("stage-busy",), ago(minutes=60), ago(minutes=40)),
        Waited(Cause.WINDOW, ("time-window",), ago(minutes=40), NOW),
    )


def test_a_build_waits_for_a_runner_and_other_stages_for_what_nobody_said() -> None:
    build = waiting(1846, "build", None, entered_at=ago(minutes=5))
    assert waits(build, [], NOW) == (Waited(Cause.RUNNER, (), ago(minutes=5), NOW),)
    assert waits(BEFORE, [], NOW) == (Waited(Cause.UNKNOWN, (), ago(minutes=60), NOW),)
    assert waits(BEFORE, [], BEFORE.entered_at) == ()


SOURCES = st.sampled_from(["stage-busy", "time-window", "approval", "bake-time", "alarm-block"])


@given(st.lists(st.tuples(st.integers(-10, 80), st.sets(SOURCES))), st.integers(1, 60))
def test_the_stretches_partition_the_wait(asked: list[tuple[int, set[str]]], minutes: int) -> None:
    since, end = BEFORE.entered_at, BEFORE.entered_at + timedelta(minutes=minutes)
    decisions = [held(since + timedelta(minutes=at), *sources) for at, sources in asked]
    parts = waits(BEFORE, decisions, end)
    assert [each.since for each in parts] == [since, *(each.until for each in parts[:-1])]
    assert parts[-1].until == end
    assert all(each.since < each.until for each in parts)
