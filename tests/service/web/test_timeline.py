"""Where the bars of a release's timeline stand, in percent of the width."""

from dataclasses import replace
from datetime import timedelta

from service.web.timeline import Segment, timeline
from tests.twins.examples import RELEASE
from tests.twins.sights import NOW, ago, decision, ended, event, result, run

TEN_MINUTES = replace(RELEASE, created_at=ago(minutes=10), ended_at=NOW, events=(), runs=())


def test_a_stage_is_cut_into_waiting_work_and_bake() -> None:
    baked = ended(
        1846,
        "one-box",
        "succeeded",
        entered_at=ago(minutes=10),
        started_at=ago(minutes=8),
        ended_at=NOW,
    )
    events = (event(1, "bake.started", ago(minutes=5), stage="one-box"),)
    shut = result("time-window", "fail", "block", "hold", "closed by nights")
    asked = (decision("d-1", "one-box", "hold", shut, at=ago(minutes=10)),)
    view = replace(TEN_MINUTES, runs=(baked,), events=events, decisions=asked)
    (row,) = timeline(view, NOW).rows
    assert row.segments == (
        Segment("window", 0, 20),
        Segment("work", 20, 30),
        Segment("bake", 50, 50),
    )
    assert row.label == "window closed 2m, worked 3m, baked 5m"


def test_a_rollback_ends_the_bake() -> None:
    back = ended(1846, "one-box", "rolled_back", started_at=ago(minutes=10), ended_at=NOW)
    events = (
        event(1, "bake.started", ago(minutes=8), stage="one-box"),
        event(2, "rollback.started", ago(minutes=2), stage="one-box"),
    )
    runs = (replace(back, entered_at=ago(minutes=10)),)
    (row,) = timeline(replace(TEN_MINUTES, runs=runs, events=events), NOW).rows
    assert [(each.kind, each.x, each.width) for each in row.segments] == [
        ("work", 0, 20),
        ("bake", 20, 60),
        ("rework", 80, 20),
    ]


def test_a_release_on_its_way_ends_a_little_after_now() -> None:
    builds = run(1846, "build", "building", entered_at=ago(minutes=10), started_at=ago(minutes=10))
    drawn = timeline(replace(TEN_MINUTES, ended_at=None, runs=(builds,)), NOW)
    assert drawn.now == 96.15
    assert drawn.rows[0].segments == (Segment("work", 0, 96.15),)


def test_a_stage_that_took_no_time_says_whether_it_is_over() -> None:
    begun = run(1846, "build", "building", entered_at=NOW, started_at=NOW)
    over = replace(begun, outcome="succeeded", ended_at=NOW)
    for each, label in ((begun, "has just begun"), (over, "ended at once")):
        (row,) = timeline(replace(TEN_MINUTES, ended_at=None, runs=(each,)), NOW).rows
        assert (row.segments, row.label) == ((), label)


def test_a_release_that_has_ended_has_no_now() -> None:
    assert timeline(TEN_MINUTES, NOW + timedelta(days=3)).now is None


def test_ticks_are_at_most_six_and_inside() -> None:
    for minutes in (0.1, 1, 7, 45, 300, 1500, 20_000):
        drawn = timeline(replace(TEN_MINUTES, created_at=ago(minutes=minutes)), NOW)
        assert len(drawn.ticks) <= 7
        assert all(0 <= tick.x <= 100 for tick in drawn.ticks)
