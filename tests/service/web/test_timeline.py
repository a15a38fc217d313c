"""Where the bars of a release's timeline stand, in percent of the width."""

from dataclasses import replace
from datetime import timedelta

from service.promotions.views import ArrivalView, StretchView
from service.web.segments import Bar
from service.web.timeline import timeline
from tests.twins.examples import RELEASE
from tests.twins.outlooks import OUTLOOKS
from tests.twins.sights import NOW, ago, ahead, decision, ended, event, result, run

TEN_MINUTES = replace(
    RELEASE, created_at=ago(minutes=10), ended_at=NOW, events=(), runs=(), forecast=None
)


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
        Bar("window", 0, 20),
        Bar("work", 20, 30),
        Bar("bake", 50, 50),
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
    assert drawn.rows[0].segments == (Bar("work", 0, 96.15),)


def test_a_stage_that_took_no_time_says_whether_it_is_over() -> None:
    begun = run(1846, "build", "building", entered_at=NOW, started_at=NOW)
    over = replace(begun, outcome="succeeded", ended_at=NOW)
    for each, label in ((begun, "has just begun"), (over, "ended at once")):
        (row,) = timeline(replace(TEN_MINUTES, ended_at=None, runs=(each,)), NOW).rows
        assert (row.segments, row.label) == ((), label)


def test_what_was_done_in_less_than_a_second_is_shown() -> None:
    """As a one-box whose alarm fires at once; that it waited for milliseconds is left out."""
    start, second = ago(minutes=10), timedelta(seconds=1)
    back = replace(
        ended(1846, "one-box", "rolled_back", ended_at=start + 2 * second),
        entered_at=start,
        started_at=start + 0.1 * second,
    )
    events = (
        event(1, "bake.started", start + 0.5 * second, stage="one-box"),
        event(2, "rollback.started", start + second, stage="one-box"),
    )
    view = replace(TEN_MINUTES, ended_at=back.ended_at, runs=(back,))
    (row,) = timeline(replace(view, events=events), NOW).rows
    assert row.segments == (Bar("work", 5, 20), Bar("bake", 25, 25), Bar("rework", 50, 50))
    told = "worked for less than 1s, baked for less than 1s, rolled back 1s"
    assert row.label == told


def test_a_release_that_has_ended_has_no_now() -> None:
    assert timeline(TEN_MINUTES, NOW + timedelta(days=3)).now is None


def test_ticks_are_at_most_six_and_inside() -> None:
    for minutes in (0.1, 1, 7, 45, 300, 1500, 20_000):
        drawn = timeline(replace(TEN_MINUTES, created_at=ago(minutes=minutes)), NOW)
        assert len(drawn.ticks) <= 7
        assert all(0 <= tick.x <= 100 for tick in drawn.ticks)


def test_what_is_expected_is_drawn_after_what_was() -> None:
    baking = run(1846, "wave-2", "baking", entered_at=ago(minutes=10), started_at=ago(minutes=10))
    told = replace(
        OUTLOOKS[-1],
        stretches=(
            StretchView("bake", "wave-2", NOW, ahead(minutes=5)),
            StretchView("window", "wave-3", ahead(minutes=5), ahead(minutes=8)),
            StretchView("work", "wave-3", ahead(minutes=8), ahead(minutes=10)),
        ),
        arrivals=(ArrivalView("wave-3", NOW, ahead(minutes=8), ahead(minutes=9)),),
    )
    view = replace(TEN_MINUTES, ended_at=None, runs=(baking,), forecast=told)
    now, later = timeline(view, NOW).rows
    assert now.segments == (Bar("work", 0, 48.08), Bar("bake", 48.08, 24.04, ahead=True))
    assert [(each.kind, each.ahead) for each in later.segments] == [
        ("window", True),
        ("work", True),
    ]
    assert (later.stage, later.label) == ("wave-3", "forecast 10:31:04 to 10:32:04")


def test_a_far_forecast_leaves_room_for_what_was() -> None:
    far = replace(OUTLOOKS[-1], stretches=(StretchView("window", "wave-3", NOW, ahead(days=9)),))
    drawn = timeline(replace(TEN_MINUTES, ended_at=None, forecast=far), NOW)
    assert drawn.now == 32.05


def test_a_stage_that_nobody_can_tell_of_says_so() -> None:
    arrivals = (ArrivalView("a", ahead(hours=1), None, None), ArrivalView("b", None, None, None))
    told = replace(OUTLOOKS[-1], arrivals=arrivals, stretches=())
    rows = timeline(replace(TEN_MINUTES, ended_at=None, forecast=told), NOW).rows
    assert [(row.stage, row.label) for row in rows] == [
        ("a", "not before 11:23"),
        ("b", "nobody can tell when"),
    ]
