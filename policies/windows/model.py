"""What a time window is: a named effect on time, with exactly one way of recurring.

A window keeps its zone as a name, so that it stays a plain value that can be compared, pickled and
stored; ``policies.windows.zones`` turns the name into zone data when it is needed.
"""

from datetime import datetime
from enum import StrEnum

from policies.durations import Duration
from policies.findings import Span
from policies.frozen import dataclass


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class WhenClosing(StrEnum):
    """What happens to a stage that runs when the window closes."""

    FINISH = "finish"
    HOLD = "hold"
    ABORT = "abort"


class Strength(StrEnum):
    """How a ``deny`` window of a ruleset is reported: a soft one warns."""

    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Hours of some days of the week. Seconds are those of the local clock, 86400 is ``24:00``.

    ``days`` are 0 (Monday) to 6. ``until`` not later than ``start`` lies on the next local day.
    """

    days: frozenset[int]
    start: int
    until: int


@dataclass(frozen=True, slots=True)
class Weekly:
    hours: tuple[WeeklyHours, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """One interval; its ends are instants, its end may lie before its start (then it is empty)."""

    start: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Recurring:
    """An RFC 5545 rule; ``starts`` is naive and local, ``lasts`` has nominal days first."""

    rule: str
    starts: datetime
    lasts: Duration


@dataclass(frozen=True, slots=True)
class Calendar:
    """An iCalendar file: its name and its text, None for an address that was never read."""

    name: str
    text: str | None


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """Whole local days from the ``holidays`` package; ``subdivision`` may be empty."""

    country: str
    subdivision: str


Recurrence = Weekly | Between | Recurring | Calendar | PublicHolidays


@dataclass(frozen=True, slots=True)
class Window:
    """One window of one place.

    An empty ``applies_to`` means every kind of release, an empty ``tiers`` every tier.
    """

    name: str
    effect: Effect
    zone: str
    recurrence: Recurrence
    span: Span
    reason: str = ""
    owner: str = ""
    when_closing: WhenClosing = WhenClosing.FINISH
    applies_to: tuple[str, ...] = ()
    strength: Strength = Strength.HARD
    tiers: tuple[int, ...] = ()

    @property
    def unread(self) -> bool:
        """Whether nobody could read yet when it is."""
        return isinstance(self.recurrence, Calendar) and self.recurrence.text is None


@dataclass(frozen=True, slots=True)
class WindowSet:
    """The windows of one place, such as ``organization retail`` or ``stage wave-2``."""

    place: str
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Open time, half open, in UTC.

    ``opened_by`` and ``closed_by`` name windows with their places. They are empty where the range
    that was asked for cuts the interval.
    """

    start: datetime
    end: datetime
    opened_by: str = ""
    closed_by: str = ""


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether time is open now.

    ``until`` is the next change: the end of the open time, or the next opening (None: none within
    the limit of the search). ``by`` names the windows that are responsible for the present state,
    ``unread`` those of which nobody knows when they are, where that could change it.
    """

    open: bool
    configured: bool
    until: datetime | None
    by: str = ""
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A ``deny`` window of a ruleset, with one stretch of it; whole where lint looks at it."""

    name: str
    place: str
    start: datetime
    end: datetime
    strength: Strength
    owner: str = ""
    reason: str = ""
