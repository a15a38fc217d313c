"""Where the bars of releases in flight stand, and what they say to who does not see them."""

from dataclasses import replace
from datetime import timedelta

from service.promotions.views import ForecastView, RunView, StretchView
from service.web.flight import Flight, flight
from service.web.segments import Bar
from tests.twins.examples import ASKS, BAKES, PIPELINE, quiet
from tests.twins.outlooks import outlook
from tests.twins.sights import NOW, ago, ahead, run

HUNDRED = timedelta(seconds=100)


def drawn(*told: ForecastView, runs: tuple[RunView, ...] = (BAKES,)) -> Flight:
    view = replace(PIPELINE, in_flight=runs, forecasts=told, closed=())
    return flight(view)


def test_what_was_stands_before_now_and_what_comes_after_it() -> None:
    told = outlook(
        1848,
        ("bake", "one-box", NOW + 0.5 * HUNDRED),
        ("window", "cell-1", NOW + 0.75 * HUNDRED),
        ("work", "cell-1", NOW + HUNDRED),
        ("bake", "cell-1", NOW + 9 * HUNDRED),
        all_customers=NOW + HUNDRED,
    )
    seen = drawn(told, runs=(replace(BAKES, deployed_at=ago(seconds=4)),))
    (row,) = seen.rows
    # 113 s in all: 8 before now, 100 ahead, 5 after the end.
    assert seen.now == 7.08
    assert row.bars == (
        Bar("work", 0, 3.54),
        Bar("bake", 3.54, 3.54),
        Bar("bake", 7.08, 44.25, ahead=True),
        Bar("window", 51.33, 22.12, ahead=True),
        Bar("work", 73.45, 22.13, ahead=True),
    )
    assert (row.end, row.over) == (95.58, None)


def test_the_last_bake_is_not_drawn() -> None:
    told = outlook(
        1848,
        ("work", "cell-1", NOW + HUNDRED),
        ("bake", "cell-1", NOW + 2 * HUNDRED),
        all_customers=NOW + HUNDRED,
    )
    assert [bar.kind for bar in drawn(told).rows[0].bars if bar.ahead] == ["work"]


def test_who_is_nearest_to_customers_stands_first() -> None:
    names = [row.release.partition(":")[2] for row in flight(PIPELINE).rows]
    assert names == ["1846", "1848", "1849", "1850", "1851"]


def test_one_release_in_two_stages_has_one_row() -> None:
    (row,) = drawn(runs=(run(1846, "wave-2", "testing"), ASKS)).rows
    assert [each.stage for each in row.runs] == ["wave-3", "wave-2"]
    assert row.forecast is None


def test_a_picture_is_told_in_words() -> None:
    rows = {row.release.partition(":")[2]: row for row in flight(PIPELINE).rows}
    assert rows["1848"].label == (
        "Release 1848 waits before cell-1 until 2026-11-25 09:00. 1848 bakes in one-box until "
        "11:01, waits for the time window of cell-1 until 2026-11-25 09:00, is deployed and tested"
        " in cell-1 until 2026-11-25 09:23, bakes in cell-1 until 2026-11-25 10:23, is deployed "
        "and tested in wave-3 until 2026-11-25 11:23. Release 1848 reaches all customers at about "
        "2026-11-25 11:23."
    )
    assert rows["1849"].label.endswith(
        "Nobody can tell when release 1849 reaches all customers, but not before 2026-11-25 09:23:"
        " no release has gone through gamma yet."
    )


def test_nothing_in_flight_draws_nothing() -> None:
    assert flight(quiet()).rows == ()


def test_closed_time_stands_where_it_is() -> None:
    told = outlook(1848, ("work", "cell-1", ahead(hours=10)), all_customers=ahead(hours=10))
    view = replace(PIPELINE, in_flight=(BAKES,), forecasts=(told,))
    ((x, width),) = flight(replace(view, closed=((ahead(hours=5), ahead(hours=10)),))).closed
    assert (x, width) == (51.33, 44.25)


def test_a_stretch_of_another_cause_is_told_as_held() -> None:
    told = replace(
        outlook(1848, all_customers=NOW + HUNDRED),
        stretches=(StretchView("alarm", "cell-1", NOW, NOW + HUNDRED),),
    )
    (row,) = drawn(told).rows
    assert [bar.kind for bar in row.bars if bar.ahead] == ["hold"]
    assert "is held before cell-1 until" in row.label
