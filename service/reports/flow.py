"""Where the time of a change goes, from check-in to all customers, without a gap or an overlap.

Measured on the way that took longest: the last stage that reached customers, the one it waited for
longest, and so on back to the check-in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Protocol

from service.promotions.phases import class_of, phases
from service.promotions.views import DecisionView, EventView, RunView
from service.reports.overview import Passage

#: Classes of time in the order in which they are drawn: work, then what is meant, then what is not.
CLASSES: Final = {
    "work": "work",
    "bake": "bake",
    "window": "time window",
    "hold": "rule and alarm holds",
    "people": "waits for people",
    "machine": "for machines",
    "unknown": "no reason recorded",
    "rework": "rework",
}


class Journey(Protocol):
    """What is known of one release: its runs, with the decisions and events that cut them."""

    @property
    def pipeline(self) -> str: ...

    @property
    def release(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...

    @property
    def runs(self) -> tuple[RunView, ...]: ...

    @property
    def decisions(self) -> tuple[DecisionView, ...]: ...

    @property
    def events(self) -> tuple[EventView, ...]: ...


@dataclass(frozen=True, slots=True)
class FlowRow:
    """Some passages together: the mean cut into its parts, the median and the 90th percentile."""

    name: str
    count: int
    mean: timedelta
    p50: timedelta
    p90: timedelta
    parts: Mapping[str, timedelta]


def passage(
    told: Journey, needs: Mapping[str, Iterable[str]], prod: Collection[str]
) -> Passage | None:
    """How one release reached all customers; None where it did not."""
    runs = {run.stage: run for run in told.runs}
    last = max(
        (run for run in told.runs if run.stage in prod and run.deployed_at),
        key=lambda run: run.deployed_at or run.entered_at,
        default=None,
    )
    if last is None or last.deployed_at is None:
        return None
    parts: dict[str, timedelta] = defaultdict(timedelta)
    run: RunView | None = last
    end = last.deployed_at
    while run:
        for each in phases(run, told.decisions, told.events, end):
            parts[class_of(each.kind)] += each.until - each.since
        before = [runs[need] for need in needs.get(run.stage, ()) if need in runs]
        end = run.entered_at
        run = max(before, key=lambda each: each.ended_at or each.entered_at, default=None)
    whole = last.deployed_at - told.created_at
    # What no phase says, such as the time between a stage's end and the next one's beginning.
    parts["unknown"] += whole - sum(parts.values(), timedelta())
    return Passage(told.pipeline, told.release, last.deployed_at, whole, dict(parts))


def flow(name: str, passages: Collection[Passage]) -> FlowRow | None:
    """Some passages together; None where there are none."""
    if not passages:
        return None
    count = len(passages)
    spans = sorted(each.whole for each in passages)
    parts = {
        kind: sum((each.parts.get(kind, timedelta()) for each in passages), timedelta()) / count
        for kind in CLASSES
    }
    mean = sum(spans, timedelta()) / count
    return FlowRow(name, count, mean, _rank(spans, 0.5), _rank(spans, 0.9), parts)


def _rank(spans: list[timedelta], share: float) -> timedelta:
    """The nearest rank: a span that really occurred."""
    return spans[max(ceil(share * len(spans)) - 1, 0)]
