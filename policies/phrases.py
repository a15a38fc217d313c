"""How numbers, times and lists read in messages: short, in UTC, never rounded to look done."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

#: From here on minutes are told; below, seconds say more.
_MINUTES_FROM: Final = timedelta(minutes=10)
#: Characters of one line; a sentence of ours is never so long.
_LINE: Final = 1000


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 package``, ``2 packages``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def clock(at: datetime, now: datetime) -> str:
    """Write an instant as ``09:16``: with seconds where it is near, with a date if far."""
    near = abs(at - now) < _MINUTES_FROM
    at, today = at.astimezone(UTC), now.astimezone(UTC).date()
    time = f"{at:%H:%M:%S}" if near and at.second else f"{at:%H:%M}"
    return time if at.date() == today else f"{at:%Y-%m-%d} {time}"


def progress(done: timedelta, need: timedelta) -> str:
    """Write how far a wait has come: ``67 of 120 min``. What has not ended never reads as full."""
    size, unit = (60, "min") if need >= _MINUTES_FROM else (1, "s")
    whole = -int(-need.total_seconds() // size)
    return f"{min(round(done.total_seconds() / size), whole - 1)} of {whole} {unit}"


@lru_cache
def percent(share: float) -> str:
    """Write 0.01 as ``1%``."""
    return f"{share * 100:.4g}%"


def short(identifier: str) -> str:
    """Write a commit or a digest by its first twelve digits."""
    return identifier.removeprefix("sha256:")[:12]


def brief(text: str) -> str:
    """What a program said over many lines as one: its first line and its last, neither endless."""
    lines = [each.strip() for each in text.splitlines() if each.strip()]
    ends = [
        f"{each[:_LINE]}..." if len(each) > _LINE else each for each in lines[:1] + lines[1:][-1:]
    ]
    return " ... ".join(ends)
