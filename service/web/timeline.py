"""A release's timeline as a picture: when each stage waited, worked and baked, and what comes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.phrases import clock, listed
from service.promotions.phases import Phase, class_of, phases
from service.promotions.views import ArrivalView, ReleaseView, RunView, StretchView
from service.promotions.waits import Cause
from service.web.scale import Scale, Tick
from service.web.segments import Bar

#: Room after the last that is drawn, as a part of it, so that what moves does not touch the edge.
_ROOM: Final = 0.04
#: How much longer than the past a forecast may be drawn.
_FAR: Final = 2

_SECOND: Final = timedelta(seconds=1)

#: Phases that are no wait, as what was done.
_DONE: Final = {"work": "worked", "bake": "baked", "rework": "rolled back"}
#: What a wait says before its length.
_WORDS: Final = {
    Cause.FREEZE: "frozen",
    Cause.RULE: "held",
    Cause.ALARM: "held by an alarm",
    Cause.WINDOW: "window closed",
    Cause.APPROVAL: "waited for an approval",
    Cause.MANUAL: "waited for a person",
    Cause.MUTEX: "stage busy",
    Cause.RUNNER: "waited for a runner",
    Cause.UNKNOWN: "waited",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One stage. ``label`` has all numbers in words, for who does not see the picture."""

    stage: str
    segments: tuple[Bar, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    now: float | None
    """Where now is; None after the end of the release."""
    length: str


def timeline(view: ReleaseView, now: datetime) -> Timeline:
    """Draw a release from its creation to its end; one in flight, as far as its forecast reaches.

    A forecast that reaches far would leave nothing of what was: it is cut at twice the past.
    """
    start = view.created_at
    end = view.ended_at or now
    span = max(end - start, _SECOND)
    whole = span if view.ended_at else max(span, _ahead(view, now, span)) * (1 + _ROOM)
    scale = Scale(start, whole)
    coming = view.forecast.stretches if view.forecast else ()
    rows = [_row(run, view, scale, end, coming) for run in view.runs]
    return Timeline(
        rows=(*rows, *_later(view, scale, now)),
        ticks=scale.ticks,
        now=None if view.ended_at else scale.at(now),
        length=format_duration(span),
    )


def _ahead(view: ReleaseView, now: datetime, span: timedelta) -> timedelta:
    ends = [each.end for each in view.forecast.stretches] if view.forecast else []
    last = max(ends, default=now)
    return min(last - view.created_at, span * (1 + _FAR))


def _row(
    run: RunView,
    view: ReleaseView,
    scale: Scale,
    end: datetime,
    coming: tuple[StretchView, ...],
) -> Row:
    found = phases(run, view.decisions, view.events, run.ended_at or end)
    parts = [each for each in found if _counts(each, run)]
    bars = [Bar(class_of(each.kind), *scale.span(each.since, each.until)) for each in parts]
    bars += _expected(run.stage, coming, scale)
    built = any(e.kind == "build.started" and e.stage == run.stage for e in view.events)
    told = [_told(each, built=built) for each in parts]
    none = "ended at once" if run.ended_at else "has just begun"
    return Row(run.stage, tuple(bars), ", ".join(told) or none)


def _counts(phase: Phase, run: RunView) -> bool:
    """Every stage waits for milliseconds until somebody is free; what was done is told anyhow."""
    done = phase.kind in _DONE and run.ended_at is not None
    return done or phase.until - phase.since >= _SECOND


def _later(view: ReleaseView, scale: Scale, now: datetime) -> Iterator[Row]:
    """The stages that the release has still to reach, with when that is expected."""
    known = {run.stage for run in view.runs}
    for each in view.forecast.arrivals if view.forecast else ():
        if each.stage in known or view.forecast is None:
            continue
        bars = _expected(each.stage, view.forecast.stretches, scale)
        yield Row(each.stage, tuple(bars), _forecast(each, now))


def _forecast(arrival: ArrivalView, now: datetime) -> str:
    if arrival.entered and arrival.reached:
        start, end = clock(arrival.entered, now), clock(arrival.reached, now)
        return f"forecast {start} to {end}" if start != end else f"forecast {start}"
    if arrival.earliest:
        return f"not before {clock(arrival.earliest, now)}"
    return "nobody can tell when"


def _expected(stage: str, coming: tuple[StretchView, ...], scale: Scale) -> list[Bar]:
    bars = [
        Bar(class_of(each.kind), *scale.span(each.start, each.end), ahead=True)
        for each in coming
        if each.stage == stage
    ]
    return [bar for bar in bars if bar.width]


def _told(phase: Phase, *, built: bool) -> str:
    names = f" by {listed(phase.rules)}" if phase.kind == Cause.RULE else ""
    word = _DONE.get(phase.kind) or f"{_WORDS[Cause(phase.kind)]}{names}"
    if phase.kind == "work" and built:
        word = "built"
    length = phase.until - phase.since
    return f"{word} {format_duration(length) if length >= _SECOND else 'for less than 1s'}"
