"""When time opens next: one stage's windows, looked ahead piece by piece as far as it is asked."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from policies.frozen import dataclass, field
from policies.windows.model import Interval, WindowSet
from policies.windows.state import open_intervals

#: Open time is searched for in pieces of this length, and no further than so many of them: a year.
_PIECE: Final = timedelta(days=30)
_PIECES: Final = 13


class NeverOpen(Exception):
    """A stage that no time is open for within a year, or too little; the message names it."""


@dataclass(slots=True)
class OpenTime:
    """The open time of one stage; what was found once is kept for the next question."""

    stage: str
    sets: Sequence[WindowSet]
    start: datetime | None = None
    intervals: list[Interval] = field(default_factory=list)
    end: datetime | None = None

    def opening(self, at: datetime) -> tuple[datetime, str]:
        """The first open instant from ``at`` on, and what opens it; raises NeverOpen."""
        if not any(each.windows for each in self.sets):
            return at, ""
        while True:
            place = bisect_right(self.intervals, at, key=lambda each: each.end)
            if self.start and self.start <= at and place < len(self.intervals):
                found = self.intervals[place]
                return (at, "") if found.start <= at else (found.start, found.opened_by)
            self._grow(at)

    def after(self, at: datetime, length: timedelta) -> datetime:
        """The instant by which so much open time has passed; raises NeverOpen."""
        if not any(each.windows for each in self.sets):
            return at + length
        began = at
        while True:
            start, _ = self.opening(at)
            if start - began > _PIECE * _PIECES:
                told = (
                    f"the time of {self.stage} is open too seldom within a year of {began:%Y-%m-%d}"
                )
                raise NeverOpen(told)
            end = self.intervals[bisect_right(self.intervals, start, key=lambda each: each.end)].end
            if end - start >= length:
                return start + length
            at, length = end, length - (end - start)

    def closed(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The stretches between two instants in which time is closed."""
        found, at = [], start
        for each in open_intervals(self.sets, start, end):
            if at < each.start:
                found.append((at, each.start))
            at = each.end
        return [*found, (at, end)] if at < end else found

    def _grow(self, at: datetime) -> None:
        if self.start is None or self.end is None or at < self.start or at > self.end:
            self.start, self.end, self.intervals = at, at, []
        if self.end - at > _PIECE * _PIECES:
            raise NeverOpen(f"no time is open for {self.stage} within a year of {at:%Y-%m-%d}")
        until = self.end + _PIECE
        self.intervals += open_intervals(self.sets, self.end, until)
        self.end = until
