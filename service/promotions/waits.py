"""Why a release waited before a stage, cut from the decisions of its gate.

Causes that hold at the same time are charged once, to the first in the order of ``Cause``: what is
meant to take time stands before what people and machines cost.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from service.promotions.views import DecisionView, RunView
from service.promotions.wording import holds


class Cause(StrEnum):
    """What time before a stage went to, the first charged first."""

    FREEZE = "freeze"
    RULE = "rule"
    ALARM = "alarm"
    WINDOW = "window"
    APPROVAL = "approval"
    MANUAL = "manual"
    MUTEX = "mutex"
    RUNNER = "runner"
    UNKNOWN = "unknown"


_ORDER: Final = tuple(Cause)
#: Causes by the rule or condition that held; any other rule is ``rule``.
_CAUSES: Final = {
    "freeze-calendar": Cause.FREEZE,
    "alarm-block": Cause.ALARM,
    "time-window": Cause.WINDOW,
    "prod-approval": Cause.APPROVAL,
    "approval": Cause.APPROVAL,
    "manual-transition": Cause.MANUAL,
    # A pause ends when a person ends it.
    "paused": Cause.MANUAL,
    "stage-busy": Cause.MUTEX,
}


@dataclass(frozen=True, slots=True)
class Waited:
    """One stretch of a wait; ``rules`` names what was charged, in the order of the decision."""

    cause: Cause
    rules: tuple[str, ...]
    since: datetime
    until: datetime


def waits(run: RunView, decisions: Iterable[DecisionView], end: datetime) -> tuple[Waited, ...]:
    """Cut the wait of a run up to ``end`` by cause: without a gap and without an overlap.

    Before a build there is no gate: what waits there waits for a machine. Time that no decision
    speaks of is ``unknown``.
    """
    if end <= run.entered_at:
        return ()
    mine = sorted(
        (each for each in decisions if each.message["subject"]["stage"] == run.stage),
        key=lambda each: each.at,
    )
    spoken = [each for each in mine if run.entered_at < each.at < end]
    before = [each for each in mine if each.at <= run.entered_at]
    held: list[DecisionView | None] = [before[-1] if before else None, *spoken]
    edges = [run.entered_at, *(each.at for each in spoken), end]
    parts = [
        Waited(*_charged(run, decision), since, until)
        for decision, (since, until) in zip(held, pairwise(edges), strict=True)
        if since < until
    ]
    return tuple(_joined(parts))


def cause_of(stage: str, sources: Iterable[str]) -> Cause:
    """What a wait before a stage is charged to, by the rules and conditions that hold.

    Before a build there is no gate: what waits there waits for a machine.
    """
    found = [_CAUSES.get(source, Cause.RULE) for source in sources]
    nothing = Cause.RUNNER if stage == "build" else Cause.UNKNOWN
    return min(found, key=_ORDER.index, default=nothing)


def _charged(run: RunView, decision: DecisionView | None) -> tuple[Cause, tuple[str, ...]]:
    if decision is None:
        return cause_of(run.stage, ()), ()
    sources = [hold.source for hold in holds(decision)]
    cause = cause_of("", sources)
    return cause, tuple(each for each in sources if cause_of("", [each]) == cause)


def _joined(parts: Iterable[Waited]) -> Iterator[Waited]:
    """Neighbours with one cause as one stretch."""
    last: Waited | None = None
    for part in parts:
        if last and (last.cause, last.rules) == (part.cause, part.rules):
            last = replace(last, until=part.until)
            continue
        if last:
            yield last
        last = part
    if last:
        yield last
