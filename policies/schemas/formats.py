"""Formats that the schemas name: durations, names, times; each error says what is allowed."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

from policies.durations import parse_duration, parse_share
from policies.patterns import pattern
from policies.schemas.zone_names import zone_names

_NAME: Final = pattern(r"[a-z0-9][a-z0-9-]{0,62}")
_CLOCK: Final = pattern(r"(\d\d):(\d\d)")
_INSTANT: Final = pattern(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?"
)
_PERIODS: Final = pattern(r"(\d+) of (\d+)")
_DIGEST: Final = pattern(r"sha256:[0-9a-f]{64}")
_COMMIT: Final = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")


def duration(value: object) -> bool:
    if isinstance(value, str):
        parse_duration(value)
    return True


def share(value: object) -> bool:
    if isinstance(value, str):
        parse_share(value)
    return True


def name(value: object) -> bool:
    if isinstance(value, str) and not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name; use a-z, 0-9 and -, at most 63, no - in front")
    return True


def node_path(value: object) -> bool:
    """A node of the organization tree: names joined by ``/``."""
    if isinstance(value, str) and not all(_NAME.fullmatch(part) for part in value.split("/")):
        raise ValueError(f"{value!r} is not a place in an organization; write retail/commerce")
    return True


def instant(value: object) -> bool:
    """A date, a local time or a time with its offset; impossible ones are refused."""
    if not isinstance(value, str):
        return True
    match = _INSTANT.fullmatch(value)
    if not match:
        raise ValueError(f"{value!r} is not a time; write 2026-12-18, or 2026-12-18T17:00 with Z")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if match.group(7):
            datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} does not exist: {error}") from None
    return True


def utc_instant(value: object) -> bool:
    """A time in a message: RFC 3339 in UTC with ``Z``."""
    if isinstance(value, str):
        instant(value)
        if not value.endswith("Z"):
            raise ValueError(f"{value!r} is not in UTC; write 2026-12-18T17:00:00Z")
    return True


def day(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a date: {error}; write 2026-12-18") from None
    return True


def clock(value: object) -> bool:
    """A time of day, up to ``24:00`` for the end of the day."""
    if not isinstance(value, str) or value == "24:00":
        return True
    match = _CLOCK.fullmatch(value)
    if not match or int(match.group(1)) > 23 or int(match.group(2)) > 59:  # noqa: PLR2004 - a clock
        raise ValueError(f"{value!r} is not a time of day; write 09:00, at most 24:00")
    return True


def zone(value: object) -> bool:
    """An IANA time zone, or the words that only a ruleset may use."""
    if isinstance(value, str) and value not in ("team", "target") and value not in zone_names():
        raise ValueError(f"{value!r} is not a time zone; write one like Europe/Berlin")
    return True


def periods(value: object) -> bool:
    """``3 of 5``: that many of the last so many periods."""
    if not isinstance(value, str):
        return True
    match = _PERIODS.fullmatch(value)
    if not match or not 1 <= int(match.group(1)) <= int(match.group(2)):
        raise ValueError(f"{value!r} is not a count of periods; write '3 of 5'")
    return True


def digest(value: object) -> bool:
    if isinstance(value, str) and not _DIGEST.fullmatch(value):
        raise ValueError(f"{value!r} is not a digest; write sha256: and 64 hexadecimal digits")
    return True


def commit(value: object) -> bool:
    if isinstance(value, str) and not _COMMIT.fullmatch(value):
        raise ValueError(f"{value!r} is not a full commit hash; write its 40 digits, quoted")
    return True


#: By the word in ``format``; the prefix keeps them apart from the standard's own.
FORMATS: Final[dict[str, Callable[[object], bool]]] = {
    "bakegate-duration": duration,
    "bakegate-share": share,
    "bakegate-name": name,
    "bakegate-node": node_path,
    "bakegate-time": instant,
    "bakegate-instant": utc_instant,
    "bakegate-date": day,
    "bakegate-clock": clock,
    "bakegate-zone": zone,
    "bakegate-periods": periods,
    "bakegate-digest": digest,
    "bakegate-commit": commit,
}
