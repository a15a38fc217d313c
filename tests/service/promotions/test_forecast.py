"""Forecasts of releases in flight: what is told, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from policies.findings import Span
from policies.windows import Effect, OpenTime, Window, WindowSet
from policies.windows.model import Weekly, WeeklyHours
from service.promotions.forecast import forecasts
from service.promotions.model import State
from service.promotions.views import ForecastView
from service.promotions.waits import Cause
from service.promotions.way import Here, Step, Traveller, Usual, standing
from tests.twins import sights

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALWAYS = OpenTime("any", ())
#: 09:00 to 16:00 UTC on all days.
STAFFED = OpenTime(
    "any",
    (
        WindowSet(
            "pipeline shop",
            (
                Window(
                    "staffed",
                    Effect.ALLOW,
                    "UTC",
                    Weekly((WeeklyHours(frozenset(range(7)), 9 * 3600, 16 * 3600),)),
                    Span("pipeline.yaml", 1, 1, 1, 2),
                ),
            ),
        ),
    ),
)
USUAL = Usual(2 * MINUTE, 3 * MINUTE, 10 * MINUTE)


def step(name: str, *needs: str, **more: Any) -> Step:
    usual: dict[str, Any] = {"prod": False, "usual": USUAL, "bake": 10 * MINUTE, "open": ALWAYS}
    return Step(name, needs, **usual | more)


#: beta, then one-box and cell, which reach customers.
WAY = (
    step("beta", bake=timedelta()),
    step("one-box", "beta", prod=True),
    step("cell", "one-box", prod=True),
)


def waits(stage: str, **more: Any) -> Here:
    return Here(stage, State.WAITING, NOW - MINUTE, **more)


def one(here: Here, steps: tuple[Step, ...] = WAY, number: int = 7) -> Traveller:
    names = [each.stage for each in steps]
    return Traveller(f"shop:{number}", steps, frozenset(names[: names.index(here.stage)]), (here,))


def told(*travellers: Traveller) -> ForecastView:
    return forecasts(travellers, NOW)[0]


def after(**parts: float) -> datetime:
    return NOW + timedelta(**parts)


def test_a_release_takes_what_the_last_ones_took() -> None:
    seen = told(one(waits("beta")))
    # beta 2 + 3 + 10, the one-box 2 + 3 + 10, then the deployment to the cell.
    assert seen.all_customers == after(minutes=32)
    assert seen.earliest == after(minutes=10)
    assert [(each.stage, each.entered, each.reached) for each in seen.arrivals] == [
        ("beta", NOW, after(minutes=2)),
        ("one-box", after(minutes=15), after(minutes=17)),
        ("cell", after(minutes=30), after(minutes=32)),
    ]
    assert (seen.unknown, seen.superseded_by, seen.people) == ("", "", ())


def test_closed_time_is_waited_for() -> None:
    late = [replace(each, open=STAFFED) for each in WAY]
    late[1] = replace(late[1], bake=timedelta(hours=7))
    seen = told(one(waits("one-box"), tuple(late)))
    assert seen.all_customers == datetime(2026, 11, 25, 9, 2, tzinfo=UTC)
    assert [(each.kind, each.stage) for each in seen.stretches] == [
        ("work", "one-box"),
        ("bake", "one-box"),
        ("window", "cell"),
        ("work", "cell"),
        ("bake", "cell"),
    ]


def test_a_stage_that_nobody_has_gone_through_is_not_guessed() -> None:
    new = (*WAY[:2], replace(WAY[2], usual=None))
    seen = told(one(waits("one-box"), new))
    assert (seen.all_customers, seen.unknown) == (None, "no release has gone through cell yet")
    assert seen.earliest == after(minutes=10)
    assert seen.arrivals[-1].entered == after(minutes=15)


def test_a_bake_that_stands_still_is_not_guessed() -> None:
    bakes = sights.run(7, "one-box", "baking", deployed_at=NOW, bake=sights.bake(still_since=NOW))
    here = standing(bakes, NOW)
    seen = told(one(here))
    assert (seen.all_customers, seen.unknown) == (None, "the bake stands still: no data")
    behind = forecasts([one(here), one(waits("one-box"), number=8)], NOW)[1]
    told_of = "shop:7 is in one-box, and nobody can tell until when"
    assert (behind.all_customers, behind.unknown) == (None, told_of)


def test_a_bake_goes_on_until_its_data_points_are_there() -> None:
    bake = sights.bake(
        positive=100, positive_needed=400, observed=timedelta(minutes=10), earliest_end=NOW
    )
    bakes = sights.run(7, "one-box", "baking", deployed_at=sights.ago(hours=1), bake=bake)
    assert standing(bakes, NOW).likely == after(minutes=30)
    none = standing(replace(bakes, bake=replace(bake, positive=0)), NOW)
    assert none.likely is None
    assert told(one(none)).all_customers is not None
    new = (WAY[0], replace(WAY[1], usual=None), WAY[2])
    assert told(one(none, new)).unknown == "no answers have come in one-box yet"


def test_what_people_report_halts_the_forecast() -> None:
    bakes = sights.run(7, "one-box", "baking", deployed_at=NOW, bake=sights.bake())
    seen = told(one(standing(bakes, NOW, "wrong totals")))
    assert (seen.all_customers, seen.unknown) == (None, "it is halted: wrong totals")


def test_a_person_is_expected_to_act_as_soon_as_nothing_else_holds() -> None:
    asks = (*WAY[:2], replace(WAY[2], person=True))
    seen = told(one(waits("one-box"), asks))
    assert seen.people == (("cell", after(minutes=15)),)
    assert seen.all_customers == after(minutes=17)


def test_a_hold_with_an_end_is_over_then_and_one_without_says_nothing() -> None:
    held = sights.decision(
        "d-1",
        "cell",
        "hold",
        sights.result("bake-time", "fail", "block", "hold", "too early", until=after(hours=2)),
        sights.condition("stage-busy", "hold", "shop:6 is in cell"),
    )
    seen = told(one(standing(sights.waits(7, "cell", held), NOW)))
    assert (seen.all_customers, seen.earliest) == (after(hours=2, minutes=2), after(hours=2))
    assert seen.stretches[0].kind == Cause.RULE
    endless = sights.decision(
        "d-2",
        "cell",
        "hold",
        sights.result("error-budget", "fail", "block", "hold", "the budget is used up"),
    )
    seen = told(one(standing(sights.waits(7, "cell", endless), NOW)))
    assert (seen.all_customers, seen.unknown) == (None, "error-budget: the budget is used up")
    assert seen.earliest == NOW


def test_what_is_blocked_has_no_earliest_time_either() -> None:
    run = sights.waits(7, "cell", sights.decision("d-3", "cell", "block", BLOCKS))
    seen = told(one(standing(run, NOW)))
    assert (seen.all_customers, seen.earliest) == (None, None)
    assert seen.unknown == "artifact-blocklist: contains acme 1.0"


BLOCKS = sights.result("artifact-blocklist", "fail", "block", "block", "contains acme 1.0")


def test_a_stretch_until_it_is_superseded_says_what_held_it() -> None:
    blocked = standing(
        sights.waits(7, "cell", sights.decision("d-3", "cell", "block", BLOCKS)), NOW
    )
    first, _ = forecasts([one(blocked), one(waits("one-box"), number=8)], NOW)
    assert (first.superseded_by, first.superseded_at) == ("shop:8", after(minutes=15))
    assert [(each.kind, each.stage) for each in first.stretches] == [("rule", "cell")]


def test_a_pause_is_waited_for_if_it_ends() -> None:
    paused = (*WAY[:2], replace(WAY[2], paused="moves", paused_until=after(hours=3)))
    assert told(one(waits("cell"), paused)).all_customers == after(hours=3, minutes=2)
    endless = (*WAY[:2], replace(WAY[2], paused="moves"))
    seen = told(one(waits("cell"), endless))
    assert (seen.all_customers, seen.unknown) == (None, "cell is paused: moves")


def test_a_newer_release_that_catches_up_supersedes() -> None:
    slow = (WAY[0], replace(WAY[1], bake=timedelta(hours=2)), WAY[2])
    bakes = sights.run(
        7,
        "one-box",
        "baking",
        deployed_at=NOW,
        bake=sights.bake(positive=5, positive_needed=5, earliest_end=after(hours=2)),
    )
    first, second, third = forecasts(
        [
            one(standing(bakes, NOW), slow),
            one(waits("one-box"), slow, number=8),
            one(waits("beta"), slow, number=9),
        ],
        NOW,
    )
    assert first.all_customers == after(hours=2, minutes=2)
    assert (second.superseded_by, second.superseded_at) == ("shop:9", after(minutes=15))
    assert (second.all_customers, second.unknown) == (None, "")
    assert [(each.kind, each.stage) for each in second.stretches] == [("mutex", "one-box")]
    assert third.arrivals[1].entered == after(hours=2)
