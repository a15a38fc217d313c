"""The releases in flight as a picture: what each does now, and what is expected of it.

One axis for all: a little of what was, now, and as far as the forecasts reach.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policies.phrases import clock
from service.promotions.foretelling import condition, outlook
from service.promotions.phases import class_of
from service.promotions.views import ForecastView, PipelineView, RunView, StretchView
from service.promotions.waits import Cause, cause_of
from service.promotions.wording import holds, number, run_sentence
from service.web.scale import Scale, Tick
from service.web.segments import Bar

#: The shortest time that is drawn ahead.
_SHORTEST: Final = timedelta(minutes=1)
#: Room before now and after the last forecast, as parts of what lies between.
_BEFORE: Final = 0.08
_AFTER: Final = 0.05
#: What a stretch says of its stage, before when it ends.
_WORDS: Final = {
    "work": "is deployed and tested in",
    "bake": "bakes in",
    Cause.WINDOW: "waits for the time window of",
    Cause.FREEZE: "waits for the end of a freeze before",
    Cause.MUTEX: "waits until nobody is in",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One release. ``end`` is where it has reached all customers, ``over`` where it is replaced."""

    release: str
    runs: tuple[RunView, ...]
    forecast: ForecastView | None
    bars: tuple[Bar, ...]
    end: float | None
    over: float | None
    condition: str
    label: str


@dataclass(frozen=True, slots=True)
class Flight:
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    now: float
    closed: tuple[tuple[float, float], ...]


def flight(view: PipelineView) -> Flight:
    """Draw all releases in flight, those nearest to customers first."""
    told = {each.release: each for each in view.forecasts}
    scale = _scale(view)
    names = dict.fromkeys(run.release for run in view.in_flight)
    place = {stage.name: index for index, stage in enumerate(view.stages)}
    rows = []
    for name in names:
        runs = [run for run in view.in_flight if run.release == name]
        runs.sort(key=lambda run: place.get(run.stage, 0), reverse=True)
        rows.append(_row(name, tuple(runs), told.get(name), scale, view.now))
    rows.sort(key=lambda row: place.get(row.runs[0].stage, 0), reverse=True)
    closed = tuple(scale.span(start, end) for start, end in view.closed)
    return Flight(tuple(rows), scale.ticks, scale.at(view.now), closed)


def _scale(view: PipelineView) -> Scale:
    last = max(filter(None, (_last(each) for each in view.forecasts)), default=view.now)
    ahead = max(last - view.now, _SHORTEST)
    return Scale(view.now - ahead * _BEFORE, ahead * (1 + _BEFORE + _AFTER))


def _last(view: ForecastView) -> datetime | None:
    """The last instant that is drawn of a release."""
    ends = [each.end for each in view.stretches]
    return view.all_customers or view.superseded_at or max(ends, default=None)


def _row(
    name: str, runs: tuple[RunView, ...], told: ForecastView | None, scale: Scale, now: datetime
) -> Row:
    bars = [Bar(kind, *scale.span(start, end)) for kind, start, end in _was(runs, now)]
    ahead = tuple(_ahead(told)) if told else ()
    bars += [
        Bar(class_of(each.kind), *scale.span(each.start, each.end), ahead=True) for each in ahead
    ]
    there = told.all_customers if told else None
    over = told.superseded_at if told else None
    return Row(
        release=name,
        runs=runs,
        forecast=told,
        bars=tuple(bar for bar in bars if bar.width),
        end=scale.at(there) if there else None,
        over=scale.at(over) if over else None,
        condition=condition(told, now) if told else "",
        label=_label(name, runs, ahead, told, now),
    )


def _was(runs: tuple[RunView, ...], now: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """What the release did last in the stages where it is."""
    for run in runs:
        if run.state == "waiting":
            cause = cause_of(run.stage, [each.source for each in holds(run.decision)])
            yield class_of(cause), run.entered_at, now
            continue
        began = run.started_at or run.entered_at
        worked = run.deployed_at if run.state == "baking" and run.deployed_at else now
        yield "rework" if run.state == "rolling_back" else "work", began, worked
        yield "bake", worked, now


def _ahead(told: ForecastView) -> Iterator[StretchView]:
    """What lies between now and all customers; the last bake gates nothing."""
    for each in told.stretches:
        if not told.all_customers or each.start < told.all_customers:
            yield each


def _label(
    name: str,
    runs: tuple[RunView, ...],
    ahead: tuple[StretchView, ...],
    told: ForecastView | None,
    now: datetime,
) -> str:
    """The whole picture in words, for who does not see it."""
    parts = [
        f"{_WORDS.get(each.kind, 'is held before')} {each.stage} until {clock(each.end, now)}"
        for each in ahead
    ]
    way = f" {number(name)} {', '.join(parts)}." if parts else ""
    said = outlook(told, now) if told else ""
    return f"{run_sentence(runs[0], now)}{way} {said}".strip()
