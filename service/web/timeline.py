"""Geometry of a release's timeline: when each stage waited, worked and baked, in percent.

Pages draw with percent coordinates in SVG attributes, so that no style attribute is needed and a
picture has the right size before any script runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.phrases import listed
from service.promotions.views import ReleaseView, RunView
from service.promotions.waits import Cause, Waited, waits

#: Distances of ticks; the smallest that gives at most six of them is taken.
_STEPS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800)
)
_MOST_TICKS: Final = 6
#: Room after now, as a part of the whole, so that what moves does not touch the edge.
_AHEAD: Final = 0.04

#: The class of each cause of a wait, and its words before the length.
_WAITS: Final = {
    Cause.FREEZE: ("hold", "frozen"),
    Cause.RULE: ("hold", "held"),
    Cause.ALARM: ("hold", "held by an alarm"),
    Cause.WINDOW: ("window", "window closed"),
    Cause.APPROVAL: ("people", "waited for an approval"),
    Cause.MANUAL: ("people", "waited for a person"),
    Cause.MUTEX: ("machine", "stage busy"),
    Cause.RUNNER: ("machine", "waited for a runner"),
    Cause.UNKNOWN: ("unknown", "waited"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a bar.

    ``kind`` is a class of time: work, bake, rework, or of waits hold, window, people, machine or
    unknown.
    """

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """One stage. ``label`` has all numbers in words, for who does not see the picture."""

    stage: str
    segments: tuple[Segment, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    now: float | None
    """Where now is; None after the end of the release."""
    length: str


def timeline(view: ReleaseView, now: datetime) -> Timeline:
    """Draw a release from its creation to its end, or to a little after now."""
    start = view.created_at
    end = view.ended_at or now
    span = max(end - start, timedelta(seconds=1))
    whole = span if view.ended_at else span * (1 + _AHEAD)
    scale = _Scale(start, whole)
    return Timeline(
        rows=tuple(_row(run, view, scale, end) for run in view.runs),
        ticks=tuple(_ticks(scale)),
        now=None if view.ended_at else scale.at(now),
        length=format_duration(span),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    start: datetime
    whole: timedelta

    def at(self, moment: datetime) -> float:
        """Percent of the width, with two decimals."""
        share = (moment - self.start) / self.whole
        return round(100 * min(max(share, 0), 1), 2)


def _row(run: RunView, view: ReleaseView, scale: _Scale, end: datetime) -> Row:
    parts = tuple(_parts(run, view, run.ended_at or end))
    segments = tuple(
        Segment(kind, scale.at(since), round(scale.at(until) - scale.at(since), 2))
        for kind, _, since, until in parts
    )
    told = [f"{word} {format_duration(until - since)}" for _, word, since, until in parts]
    none = "ended at once" if run.ended_at else "has just begun"
    return Row(run.stage, segments, ", ".join(told) or none)


def _parts(
    run: RunView, view: ReleaseView, end: datetime
) -> Iterable[tuple[str, str, datetime, datetime]]:
    """Class, words, start and end of what a run did, in order; nothing under a second."""
    began = run.started_at or end
    moments = {event.kind: event.at for event in view.events if event.stage == run.stage}
    back = moments.get("rollback.started", end)
    bake = min(moments.get("bake.started", back), back)
    found = (
        *(_waited(each) for each in waits(run, view.decisions, began)),
        ("work", "built" if "build.started" in moments else "worked", began, bake),
        ("bake", "baked", bake, min(moments.get("bake.ended", back), back)),
        ("rework", "rolled back", back, end),
    )
    for part in found:
        if part[3] - part[2] >= timedelta(seconds=1):
            yield part


def _waited(part: Waited) -> tuple[str, str, datetime, datetime]:
    kind, word = _WAITS[part.cause]
    names = f" by {listed(part.rules)}" if part.cause == Cause.RULE else ""
    return kind, f"{word}{names}", part.since, part.until


def _ticks(scale: _Scale) -> Iterable[Tick]:
    step = next((each for each in _STEPS if scale.whole / each <= _MOST_TICKS), _STEPS[-1])
    midnight = scale.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + step * ((scale.start - midnight) // step + 1)
    shape = "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M"
    while moment < scale.start + scale.whole:
        day = moment.hour == 0 and moment.minute == 0 and moment.second == 0
        yield Tick(scale.at(moment), f"{moment:%a %d %b}" if day else f"{moment:{shape}}")
        moment += step
