"""Forecasts in words: when a release reaches all customers, on what condition, or why not told."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from policies.durations import format_duration
from policies.phrases import clock, listed
from service.promotions.views import ForecastView, StretchView
from service.promotions.waits import Cause
from service.promotions.wording import number


def outlook(view: ForecastView, now: datetime) -> str:
    """One sentence about one release in flight, with its condition; empty where nothing is known.

    What stands before ``now`` has happened: its last stage still bakes.
    """
    name = f"Release {number(view.release)}"
    if view.superseded_by:
        newer, at = number(view.superseded_by), view.superseded_at or now
        return f"{name} is expected to be superseded by {newer} at about {clock(at, now)}."
    if view.all_customers and view.all_customers < now:
        return f"{name} has reached all customers at {clock(view.all_customers, now)}."
    if view.all_customers:
        when = clock(view.all_customers, now)
        return f"{name} reaches all customers at about {when}{_if(view, now)}."
    if not view.unknown:
        return ""
    bound = f", but not before {clock(view.earliest, now)}" if view.earliest else ""
    return f"Nobody can tell when {name.lower()} reaches all customers{bound}: {view.unknown}."


def condition(view: ForecastView, now: datetime) -> str:
    """What the time at all customers rests on, or what costs most of it; empty where nothing."""
    if view.people:
        return _if(view, now).removeprefix(", ")
    waited = {
        "time window": _total(view.stretches, {Cause.WINDOW, Cause.FREEZE}),
        "stage busy": _total(view.stretches, {Cause.MUTEX}),
        "bakes": _total(view.stretches, {"bake"}),
    }
    cost = max(waited, key=lambda name: waited[name])
    return f"{cost}: {format_duration(waited[cost])}" if waited[cost] else ""


def _if(view: ForecastView, now: datetime) -> str:
    """Later stages may need somebody too; the first is what a reader can do something about."""
    if not view.people:
        return ""
    stage, at = view.people[0]
    more = [name for name, _ in view.people[1:]]
    later = f", and then into {listed(more)}" if more else ""
    when = "now" if at <= now else f"by {clock(at, now)}"
    return f", if somebody lets it into {stage} {when}{later}"


def _total(stretches: Iterable[StretchView], kinds: Iterable[str]) -> timedelta:
    return sum((e.end - e.start for e in stretches if e.kind in set(kinds)), timedelta())
