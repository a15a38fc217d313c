"""Recurrence rules of RFC 5545: what is accepted, and when they fire.

``python-dateutil`` does the expansion. It loops without end on some rules (``INTERVAL=0``) and for
minutes on others, so a rule is checked part by part before the library sees it.
"""

import re
from datetime import MAXYEAR, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from policies.patterns import pattern
from policies.windows.spelling import YEARS
from policies.windows.zones import instant, zone

if TYPE_CHECKING:
    from dateutil.rrule import rrule as Rule  # noqa: N812 - the library's class has a lower name

#: What is accepted as FREQ. A window that opens every minute is no window.
_FREQUENCIES: Final = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")

#: A year has at most 53 weeks, and as many of one weekday.
_WEEKS: Final = 53

#: Parts with numbers: the least and the largest absolute value, and whether it may be negative.
_NUMBERS: Final = {
    "INTERVAL": (1, 9999, False),
    "COUNT": (1, 99_999, False),
    "BYSECOND": (0, 59, False),
    "BYMINUTE": (0, 59, False),
    "BYHOUR": (0, 23, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, _WEEKS, True),
    "BYMONTH": (1, 12, False),
    "BYSETPOS": (1, 366, True),
}
_SINGLE: Final = frozenset({"INTERVAL", "COUNT"})
_WEEKDAY: Final = pattern(r"([+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)")
_UNTIL: Final = pattern(r"\d{8}(?:T\d{6}Z?)?", re.ASCII)

#: The Gregorian calendar repeats itself after 400 years.
_CYCLE: Final = 400
#: One occurrence every 15 minutes; more would only make every evaluation slow.
_MOST_PER_DAY: Final = 96
#: Room for the offset between ``UNTIL`` in UTC and the local clock, and for a day left out.
_SLACK: Final = timedelta(days=2)


def parts(text: str) -> dict[str, str]:
    """The checked parts of a rule; raises ValueError with the part that is wrong."""
    found: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name in found:
            raise ValueError(f"the rule says {name} twice")
        _check_part(name, value)
        found[name] = value
    if "FREQ" not in found:
        raise ValueError("the rule has no FREQ; write as FREQ=WEEKLY;BYDAY=MO")
    if "COUNT" in found and "UNTIL" in found:
        raise ValueError("the rule has COUNT and UNTIL; RFC 5545 allows one of them")
    if found["FREQ"] not in {"MONTHLY", "YEARLY"} and re.search(r"\d", found.get("BYDAY", "")):
        raise ValueError("numbers in BYDAY need FREQ=MONTHLY or FREQ=YEARLY")
    if found["FREQ"] == "HOURLY" and "BYSETPOS" in found:
        raise ValueError("BYSETPOS needs FREQ=DAILY or a longer one")
    return found


def _check_part(name: str, value: str) -> None:
    match name:
        case "FREQ":
            good, allowed = value in _FREQUENCIES, ", ".join(_FREQUENCIES)
        case "UNTIL":
            good, allowed = _is_until(value), "a time as 20261231T170000 (local) or with Z"
        case "WKST":
            good, allowed = bool(re.fullmatch("MO|TU|WE|TH|FR|SA|SU", value)), "MO to SU"
        case "BYDAY":
            days = [_WEEKDAY.fullmatch(day) for day in value.split(",")]
            numbers = [int(day.group(1) or 1) for day in days if day]
            good = all(days) and all(0 < abs(number) <= _WEEKS for number in numbers)
            allowed = f"MO to SU, with a number from -{_WEEKS} to {_WEEKS} before it"
        case _ if name in _NUMBERS:
            good, allowed = _in_range(name, value), _range_text(name)
        case _:
            raise ValueError(f"unknown part {name!r}; known are {', '.join(_known())}")
    if not good:
        raise ValueError(f"{name}={value} is wrong; allowed is {allowed}")


def _known() -> list[str]:
    return ["FREQ", "UNTIL", "WKST", "BYDAY", *_NUMBERS]


def _is_until(value: str) -> bool:
    try:
        return bool(_UNTIL.fullmatch(value)) and _until(value).year in YEARS
    except ValueError:
        return False


def _until(value: str) -> datetime:
    """The end of a rule: naive local, or aware where it has ``Z``; a date is its local midnight."""
    return datetime.fromisoformat(value)


def _in_range(name: str, value: str) -> bool:
    least, largest, negative = _NUMBERS[name]
    pattern = r"[+-]?\d{1,5}" if negative else r"\d{1,5}"
    numbers = value.split(",")
    return (len(numbers) == 1 or name not in _SINGLE) and all(
        re.fullmatch(pattern, each, re.ASCII) and least <= abs(int(each)) <= largest
        for each in numbers
    )


def _range_text(name: str) -> str:
    least, largest, negative = _NUMBERS[name]
    return f"{least} to {largest}" + (f" or -{largest} to -{least}" if negative else "")


@lru_cache(maxsize=512)
def _rule(text: str, starts: datetime) -> "tuple[Rule, datetime | None]":
    """The library's rule on the local clock, and the instant of an ``UNTIL`` with ``Z``.

    The local clock cannot compare an instant: there the rule runs a little longer, and whoever
    asks cuts it. Occurrences are kept as they are found, because the library always counts from
    the start.
    """
    from dateutil.rrule import rrule, rrulestr  # noqa: PLC0415 - slow, and few files need it

    found = parts(text)
    end = _until(found.pop("UNTIL")) if "UNTIL" in found else None
    latest = end if end and end.tzinfo else None
    local = latest.replace(tzinfo=None) + _SLACK if latest else end
    rule = rrulestr(_joined(found), dtstart=starts)
    if not isinstance(rule, rrule):
        raise TypeError("one checked rule is never a set of rules")
    return (rule.replace(until=local, cache=True) if local else rule.replace(cache=True)), latest


def check(text: str, starts: datetime, where: str, *, may_be_over: bool = False) -> None:
    """Raise ValueError for a rule that is wrong, never fires, or fires all the time.

    ``may_be_over`` is for calendar files, where a rule with an ``UNTIL`` before its start is how
    programs end a series.
    """
    found = parts(text)
    until = _until(found["UNTIL"]) if "UNTIL" in found else None
    first = [each for each in _first(found, starts) if _is_in_time(each, until, where)]
    if not first and not (may_be_over and until):
        raise ValueError("the rule never fires")
    if len(first) > _MOST_PER_DAY and first[-1] - first[0] < timedelta(days=1):
        raise ValueError(f"the rule fires more than {_MOST_PER_DAY} times a day")


def _first(found: dict[str, str], starts: datetime) -> list[datetime]:
    """The first occurrences of a rule without its end.

    The library looks for one until the year 9999, and would do so for minutes. The calendar repeats
    itself every 400 years, weekdays included, so the rule is tried in the last of these cycles.
    """
    shift = (MAXYEAR - starts.year) // _CYCLE * _CYCLE
    endless = {name: value for name, value in found.items() if name not in {"COUNT", "UNTIL"}}
    rule, _ = _rule(_joined(endless), starts.replace(year=starts.year + shift))
    most = min(int(found.get("COUNT", _MOST_PER_DAY + 1)), _MOST_PER_DAY + 1)
    return [each.replace(year=each.year - shift) for each in islice(rule, most)]


def _is_in_time(local: datetime, until: datetime | None, where: str) -> bool:
    if until is None:
        return True
    return instant(local, zone(where)) <= until if until.tzinfo else local <= until


def _joined(found: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in found.items())


def starts_between(
    text: str, starts: datetime, where: str, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Occurrences between two instants, as pairs of local time and instant.

    Those of two days before and after are included; the caller clips.
    """
    there = zone(where)
    rule, latest = _rule(text, starts)
    low = start.astimezone(there).replace(tzinfo=None) - _SLACK
    high = end.astimezone(there).replace(tzinfo=None) + _SLACK
    found = ((each, instant(each, there)) for each in rule.between(low, high, inc=True))
    return [(local, at) for local, at in found if latest is None or at <= latest]
