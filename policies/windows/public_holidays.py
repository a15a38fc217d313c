"""Public holidays of a country or one of its subdivisions, as whole local days."""

from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from policies.windows.zones import midnight, zone

_DAY: Final = timedelta(days=1)


def check(country: str, subdivision: str) -> None:
    """Raise ValueError for a country or subdivision that the package does not know."""
    from holidays import list_supported_countries  # noqa: PLC0415 - slow, and few files need it

    known = list_supported_countries()
    if country not in known:
        raise ValueError(_unknown("country", country, list(known), "a code of ISO 3166 as DE"))
    if subdivision and subdivision not in known[country]:
        allowed = ", ".join(known[country]) or "none"
        raise ValueError(_unknown("subdivision", subdivision, known[country], f"one of: {allowed}"))


def _unknown(what: str, word: str, known: list[str], allowed: str) -> str:
    near = get_close_matches(word.upper(), known, n=1)
    return f"unknown {what} {word!r}; " + (
        f"did you mean {near[0]}?" if near else f"write {allowed}"
    )


def intervals(
    country: str, subdivision: str, where: str, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """The holidays between two instants, and some around them; the caller clips."""
    there = zone(where)
    first = start.astimezone(there).year - 1
    last = end.astimezone(there).year + 1
    days = (day for year in range(first, last + 1) for day in _days(country, subdivision, year))
    low, high = start.date() - 2 * _DAY, end.date() + 2 * _DAY
    return [
        (midnight(day, there), midnight(day + _DAY, there)) for day in days if low <= day <= high
    ]


@lru_cache(maxsize=512)
def _days(country: str, subdivision: str, year: int) -> tuple[date, ...]:
    from holidays import country_holidays  # noqa: PLC0415 - slow, and few files need it

    return tuple(sorted(country_holidays(country, subdiv=subdivision or None, years=year)))
