"""What one release did in one stage, cut into phases: waits by their cause, work, bake, rework."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.promotions.views import DecisionView, EventView, RunView
from service.promotions.waits import Cause, waits

#: The class of each cause of a wait: what is meant to take time, what people and machines cost.
_CLASSES: Final = {
    Cause.FREEZE: "hold",
    Cause.RULE: "hold",
    Cause.ALARM: "hold",
    Cause.WINDOW: "window",
    Cause.APPROVAL: "people",
    Cause.MANUAL: "people",
    Cause.MUTEX: "machine",
    Cause.RUNNER: "machine",
    Cause.UNKNOWN: "unknown",
}
_DONE: Final = frozenset({"work", "bake", "rework"})


def class_of(kind: str) -> str:
    """The class of time of a phase: itself, or that of the cause of a wait."""
    return kind if kind in _DONE else _CLASSES[Cause(kind)]


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch. ``kind`` is work, bake, rework or the cause of a wait, which ``rules`` names."""

    kind: str
    since: datetime
    until: datetime
    rules: tuple[str, ...] = ()


def phases(
    run: RunView, decisions: Iterable[DecisionView], events: Iterable[EventView], end: datetime
) -> tuple[Phase, ...]:
    """Cut a run up to ``end``: in order, without an overlap, empty phases left out.

    Only after the end of its bake there may be a gap: a stage that goes on to nothing.
    """
    began = run.started_at or end
    moments = {event.kind: event.at for event in events if event.stage == run.stage}
    back = min(moments.get("rollback.started", end), end)
    bake = min(moments.get("bake.started", back), back)
    found = (
        *(Phase(e.cause, e.since, e.until, e.rules) for e in waits(run, decisions, began)),
        Phase("work", began, bake),
        Phase("bake", bake, min(moments.get("bake.ended", back), back)),
        Phase("rework", back, end),
    )
    return tuple(each for each in found if each.since < each.until)
