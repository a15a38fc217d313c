"""Where the time of a change goes: the parts always sum up to the whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.promotions.views import DecisionView, EventView, RunView
from service.reports.flow import flow, passage
from tests.twins.overviews import passage as passed
from tests.twins.sights import NOW, decision, ended, event, result

NEEDS = {"beta": ("build",), "cell": ("beta",), "other": ("beta",)}
PROD = ("cell", "other")
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Told:
    pipeline: str
    release: str
    created_at: datetime
    runs: tuple[RunView, ...]
    decisions: tuple[DecisionView, ...] = ()
    events: tuple[EventView, ...] = ()


def at(minutes: float) -> datetime:
    return NOW + minutes * MINUTE


def ran(stage: str, entered: float, started: float, deployed: float, end: float) -> RunView:
    return ended(
        1,
        stage,
        "succeeded",
        entered_at=at(entered),
        started_at=at(started),
        deployed_at=at(deployed),
        ended_at=at(end),
    )


def test_the_time_of_a_change_is_cut_by_what_it_went_to() -> None:
    shut = result("time-window", "fail", "block", "hold", "closed")
    told = Told(
        "shop",
        "shop:1",
        NOW,
        (ran("build", 0, 1, 5, 5), ran("beta", 5, 5, 7, 20), ran("cell", 20, 50, 58, 90)),
        (decision("d-1", "cell", "hold", shut, at=at(20)),),
        (
            event(1, "bake.started", at(10), stage="beta"),
            event(2, "bake.ended", at(20), stage="beta"),
        ),
    )
    found = passage(told, NEEDS, PROD)
    assert found is not None
    assert (found.whole, found.at) == (58 * MINUTE, at(58))
    parts = {kind: span / MINUTE for kind, span in found.parts.items() if span}
    assert parts == {"machine": 1, "work": 4 + 5 + 8, "bake": 10, "window": 30}


def test_the_way_that_took_longest_counts() -> None:
    runs = (
        ran("build", 0, 0, 5, 5),
        ran("beta", 5, 5, 10, 10),
        ran("cell", 10, 10, 12, 20),
        ran("other", 10, 20, 40, 50),
    )
    found = passage(Told("shop", "shop:1", NOW, runs), NEEDS, PROD)
    assert found is not None
    assert found.whole == 40 * MINUTE
    assert found.parts["unknown"] == 10 * MINUTE


def test_what_has_not_reached_customers_has_no_passage() -> None:
    assert passage(Told("shop", "shop:1", NOW, (ran("build", 0, 0, 5, 5),)), NEEDS, PROD) is None


@given(st.lists(st.integers(0, 500), min_size=12, max_size=12))
def test_parts_sum_up_to_the_whole_exactly(steps: list[int]) -> None:
    moments, now = [], 0
    for step in steps:
        now += step
        moments.append(now)
    runs = tuple(
        ran(stage, *moments[place * 4 : place * 4 + 4])
        for place, stage in enumerate(("build", "beta", "cell"))
    )
    found = passage(Told("shop", "shop:1", NOW, runs), NEEDS, PROD)
    assert found is not None
    assert sum(found.parts.values(), timedelta()) == found.whole
    assert all(span >= timedelta() for span in found.parts.values())


def test_passages_together_have_a_mean_a_median_and_a_tail() -> None:
    row = flow("all", [passed("shop", hours, work=hours) for hours in (1, 2, 3, 4, 10)])
    assert row is not None
    hours = timedelta(hours=1)
    assert (row.count, row.mean, row.p50, row.p90) == (5, 4 * hours, 3 * hours, 10 * hours)
    assert row.parts["work"] == 4 * hours
    assert sum(row.parts.values(), timedelta()) == row.mean
    assert flow("none", []) is None
