"""Time on a picture: instants as percent of its width, and the ticks of its axis.

Pages draw with percent coordinates in SVG attributes, so that no style attribute is needed and a
picture has the right size before any script runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

#: Distances of ticks; the smallest that gives at most six of them is taken.
_STEPS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800)
)
_MOST_TICKS: Final = 6


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    start: datetime
    whole: timedelta

    def at(self, moment: datetime) -> float:
        """Percent of the width, with two decimals; what lies outside is on the edge."""
        share = (moment - self.start) / self.whole
        return round(100 * min(max(share, 0), 1), 2)

    def span(self, start: datetime, end: datetime) -> tuple[float, float]:
        """Where a stretch begins and how wide it is."""
        return self.at(start), round(self.at(end) - self.at(start), 2)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        return tuple(self._ticks())

    def _ticks(self) -> Iterable[Tick]:
        step = next((each for each in _STEPS if self.whole / each <= _MOST_TICKS), _STEPS[-1])
        midnight = self.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        moment = midnight + step * ((self.start - midnight) // step + 1)
        shape = "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M"
        while moment < self.start + self.whole:
            day = moment.hour == 0 and moment.minute == 0 and moment.second == 0
            yield Tick(self.at(moment), f"{moment:%a %d %b}" if day else f"{moment:{shape}}")
            moment += step
