"""Durations and shares as files write them: ``90s``, ``30m``, ``1d12h``, ``1w``; ``1%``.

On a calendar, days and weeks are nominal and hours and less are exact (``reference`` of RFC 5545,
section 3.3.6); everywhere else a day is 24 hours, which is what ``Duration.exact`` says.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Final

from policies.frozen import dataclass
from policies.patterns import pattern

_PARTS: Final = pattern(r"(?=\d)(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
#: A share cannot be more than the whole, in percent.
_WHOLE: Final = 100
_SHARE: Final = pattern(r"(\d+(?:\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class Duration:
    """``days`` are calendar days (weeks are seven of them); ``seconds`` are elapsed seconds."""

    days: int = 0
    seconds: int = 0

    @property
    def exact(self) -> timedelta:
        return timedelta(days=self.days, seconds=self.seconds)


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> Duration:
    """Read ``1w2d3h4m5s``; raises ValueError with what is allowed."""
    match = _PARTS.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a duration; write 90s, 30m, 2h, 1d12h or 1w")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return Duration(weeks * 7 + days, hours * 3600 + minutes * 60 + seconds)


@lru_cache(maxsize=1024)
def parse_share(text: str) -> float:
    """Read ``1%`` as 0.01; raises ValueError with what is allowed."""
    match = _SHARE.fullmatch(text)
    if not match or float(match.group(1)) > _WHOLE:
        raise ValueError(f"{text!r} is not a share; write 1% or 0.5%, at most 100%")
    return float(match.group(1)) / 100


@lru_cache
def format_duration(span: timedelta) -> str:
    """Write a length of time as files do, largest unit first: ``1d12h``, ``90s`` as ``1m30s``."""
    rest = int(span.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
