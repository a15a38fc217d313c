"""What lies before a release in flight: its stages, where it stands, and how long things take.

Plain inputs of ``service.promotions.forecast``; whoever makes them has looked everything up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policies.windows import OpenTime
from service.promotions.model import State
from service.promotions.views import BakeView, RunView
from service.promotions.waits import Cause, cause_of
from service.promotions.wording import Hold, holds, number, until

#: Sources of holds that the simulation knows by itself: who is in the stage.
_SIMULATED: Final = "stage-busy"
#: Sources of holds that a person ends at once.
_PERSON: Final = frozenset({"manual-transition", "approval"})


@dataclass(frozen=True, slots=True)
class Usual:
    """How long the last releases took in a stage, at the median.

    ``deploy`` is from its start until it is fully deployed, ``test`` from there until it bakes or
    ends, ``bake`` from there until it ends. A build and a stage that only tests have ``test`` only.
    """

    deploy: timedelta
    test: timedelta
    bake: timedelta

    @property
    def whole(self) -> timedelta:
        return self.deploy + self.test + self.bake


@dataclass(frozen=True, slots=True)
class Step:
    """One stage on the way of one release. ``bake`` is the shortest that is asked of it."""

    stage: str
    needs: tuple[str, ...]
    prod: bool
    usual: Usual | None
    """None where no release has gone through it yet."""
    bake: timedelta
    open: OpenTime
    staffed: bool = False
    """Whether only time that is open counts for the bake."""
    person: bool = False
    """Whether somebody has to act before a release enters."""
    paused: str = ""
    """Why nothing enters; empty where the stage is not paused."""
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Here:
    """A stage that a release waits for or is in.

    ``sure`` is when it goes on at the earliest, None where nothing is known but that it is not
    over; ``likely`` the same with what can be told of data points. ``stuck`` says why nobody knows
    when it goes on. ``cause`` is what it waits for.
    """

    stage: str
    state: State
    since: datetime
    deployed_at: datetime | None = None
    sure: datetime | None = None
    likely: datetime | None = None
    stuck: str = ""
    blocked: bool = False
    """Whether waiting does not help."""
    person: bool = False
    cause: Cause = Cause.UNKNOWN


@dataclass(frozen=True, slots=True)
class Traveller:
    """One release in flight: all stages of its definition, those behind it, those it is at."""

    release: str
    steps: tuple[Step, ...]
    done: frozenset[str]
    here: tuple[Here, ...]

    @property
    def number(self) -> int:
        return int(number(self.release))

    @property
    def by_name(self) -> Mapping[str, Step]:
        return {step.stage: step for step in self.steps}


def standing(run: RunView, now: datetime, halted: str = "") -> Here:
    """Where a run stands. ``halted`` is why its bake is halted; a run that has ended has no place.

    Of the holds of its gate, those with an end are over then, those of people when people act, and
    any other says nothing of its end.
    """
    if run.state == State.WAITING:
        return _waiting(run)
    stuck = halted and f"it is halted: {halted}"
    if run.state == State.ROLLING_BACK:
        stuck = "it is being rolled back"
    elif run.bake and run.state == State.BAKING and run.bake.still_since:
        stuck = "the bake stands still: no data"
    return Here(
        run.stage,
        State(run.state),
        run.started_at or run.entered_at,
        run.deployed_at,
        until(run),
        _likely(run.bake, now) if run.state == State.BAKING and run.bake else None,
        stuck,
    )


def _waiting(run: RunView) -> Here:
    found = [each for each in holds(run.decision) if each.source != _SIMULATED]
    blocks = [each for each in found if each.verdict == "block"]
    endless = [each for each in found if not each.until and each.source not in _PERSON]
    ends = [each.until for each in found if each.until]
    return Here(
        run.stage,
        State.WAITING,
        run.entered_at,
        sure=max(ends, default=None),
        likely=max(ends, default=None),
        stuck=_said(blocks or endless),
        blocked=bool(blocks),
        person=any(each.source in _PERSON for each in found),
        cause=cause_of(run.stage, [each.source for each in found]),
    )


def _said(held: list[Hold]) -> str:
    return f"{held[0].source}: {held[0].message}" if held else ""


def _likely(bake: BakeView, now: datetime) -> datetime | None:
    """The end of a bake if answers go on to come as they did; None while none has come."""
    if bake.positive >= bake.positive_needed:
        return bake.earliest_end
    if not bake.positive or not bake.observed:
        return None
    rest = bake.positive_needed - bake.positive
    points = now + bake.observed * (rest / bake.positive)
    return max(points, bake.earliest_end or points)
