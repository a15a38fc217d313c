"""Times on the command line: RFC 3339, or local without an offset, which means UTC."""

from datetime import UTC, datetime
from typing import Final

from cli.problems import Unusable
from policies.plain import instant_text, parse_day
from policies.windows import parse_moment

#: Beyond them, time itself runs out of numbers.
_YEARS: Final = range(1970, 3000)

AT_HELP: Final = "Evaluate at another moment, such as 2027-01-31T09:00Z. Without an offset: UTC."
_DAY: Final = len("2027-01-31")


def instant(text: str | None) -> datetime:
    """The given moment, else now; raises Unusable with what is allowed."""
    if text is None:
        return datetime.now(UTC)
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        told = f"{text!r} is not a time that exists; write it like 2027-01-31T09:00Z"
        raise Unusable(told) from error
    if read.year not in _YEARS:
        told = f"{text!r} is too far away; write a time like 2027-01-31T09:00Z"
        raise Unusable(told)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def day_or_instant(option: str, text: str) -> str:
    """A moment for the service, as RFC 3339: a date is the start of that day, UTC.

    Raises Unusable with the option's name and what is allowed.
    """
    try:
        day = datetime.combine(parse_day(text), datetime.min.time()) if len(text) == _DAY else None
        moment = day or parse_moment(text)
    except ValueError as error:
        told = f"{option}: {error}"
        raise Unusable(told) from error
    return instant_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
