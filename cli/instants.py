"""Times on the command line: RFC 3339, or local without an offset, which means UTC."""

from datetime import UTC, datetime
from typing import Final

from cli.problems import Unusable

AT_HELP: Final = "Evaluate at another moment, such as 2027-01-31T09:00Z. Without an offset: UTC."


def instant(text: str | None) -> datetime:
    """The given moment, else now; raises Unusable with what is allowed."""
    if text is None:
        return datetime.now(UTC)
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        told = f"{text!r} is not a time that exists; write it like 2027-01-31T09:00Z"
        raise Unusable(told) from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)
