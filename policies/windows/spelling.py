"""Days, times of day and points in time as window files spell them.

Every function raises ValueError with a sentence that says what is allowed.
"""

import re
from datetime import UTC, datetime
from typing import Final

from policies.patterns import pattern

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Zone rules and calendars mean nothing far outside of these years, and arithmetic overflows.
YEARS: Final = range(1900, 3000)

_DAY: Final = 86_400
_TIME: Final = pattern(r"(\d\d):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_MOMENT: Final = pattern(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)


def parse_days(text: str) -> frozenset[int]:
    """Read ``mon`` or a range such as ``mon-fri``; ``sat-mon`` runs over the end of the week."""
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"unknown day {text!r}; write {', '.join(DAYS)} or a range as mon-fri")
    start = DAYS.index(first)
    count = (DAYS.index(last) - start) % 7 if dash else 0
    return frozenset((start + step) % 7 for step in range(count + 1))


def parse_time(text: str, *, end: bool) -> int:
    """Read ``09:00`` as seconds of the local clock; ``24:00`` only where a day may end."""
    match = _TIME.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (99, 0, 0)
    value = hours * 3600 + minutes * 60 + seconds
    if value > (_DAY if end else _DAY - 1):
        allowed = "00:00 to 24:00" if end else "00:00 to 23:59"
        raise ValueError(f"{text!r} is no time of day; write {allowed}, quoted, with two digits")
    return value


def parse_moment(text: str) -> datetime:
    """Read a local time (naive) or one with ``Z`` or an offset (aware, in UTC).

    A date alone is the start of that day.
    """
    try:
        moment = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(
            f"{text!r} is no point in time; write 2026-12-18T17:00 (local), "
            "2026-12-18T17:00:00Z or 2026-12-18"
        )
    if moment.year not in YEARS:
        raise ValueError(f"{text!r} is too far away; years are {YEARS[0]} to {YEARS[-1]}")
    return moment.astimezone(UTC) if moment.tzinfo else moment
