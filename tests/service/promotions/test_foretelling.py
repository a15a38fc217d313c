"""Forecasts in words."""

from dataclasses import replace

from service.promotions.foretelling import condition, outlook
from service.promotions.views import ForecastView, StretchView
from tests.twins.sights import NOW, ago, ahead

SURE = ForecastView(
    release="payments-api:1846",
    arrivals=(),
    earliest=ahead(minutes=53),
    all_customers=ahead(minutes=80),
    people=(),
    unknown="",
    superseded_by="",
    superseded_at=None,
    stretches=(),
)


def test_the_time_at_all_customers() -> None:
    assert outlook(SURE, NOW) == "Release 1846 reaches all customers at about 11:43."
    there = replace(SURE, all_customers=ago(minutes=20))
    assert outlook(there, NOW) == "Release 1846 has reached all customers at 10:03."


def test_what_somebody_must_do_for_it() -> None:
    asks = replace(SURE, people=(("wave-3", ahead(minutes=53)),))
    told = "if somebody lets it into wave-3 by 11:16"
    assert outlook(asks, NOW) == f"Release 1846 reaches all customers at about 11:43, {told}."
    assert condition(asks, NOW) == told
    twice = replace(SURE, people=(("cell-1", NOW), ("wave-2", ahead(hours=1)), ("wave-3", NOW)))
    told = "if somebody lets it into cell-1 now, and then into wave-2 and wave-3"
    assert condition(twice, NOW) == told


def test_what_costs_most() -> None:
    assert condition(SURE, NOW) == ""
    parts = (
        StretchView("bake", "cell-1", NOW, ahead(hours=2)),
        StretchView("window", "wave-2", ahead(hours=2), ahead(hours=11, minutes=47)),
        StretchView("mutex", "wave-2", ahead(hours=12), ahead(hours=13)),
    )
    assert condition(replace(SURE, stretches=parts), NOW) == "time window: 9h47m"
    assert condition(replace(SURE, stretches=parts[:1]), NOW) == "bakes: 2h"


def test_what_cannot_be_told() -> None:
    unknown = replace(SURE, all_customers=None, unknown="the bake stands still: no data")
    assert outlook(unknown, NOW) == (
        "Nobody can tell when release 1846 reaches all customers, but not before 11:16: the bake "
        "stands still: no data."
    )
    blocked = replace(unknown, earliest=None, unknown="blocked")
    assert outlook(blocked, NOW) == (
        "Nobody can tell when release 1846 reaches all customers: blocked."
    )
    assert outlook(replace(unknown, unknown=""), NOW) == ""


def test_who_is_superseded() -> None:
    older = replace(
        SURE, all_customers=None, superseded_by="payments-api:1850", superseded_at=ahead(hours=3)
    )
    told = "Release 1846 is expected to be superseded by 1850 at about 13:23."
    assert outlook(older, NOW) == told
