"""Times, durations and shares of a record, as they are written where there is one."""

from datetime import datetime, timedelta

from policies.plain import Group, duration_text, instant_text, share_text


def time_text(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def seconds_text(seconds: float | None) -> str | None:
    return None if seconds is None else duration_text(seconds)


def length_text(length: timedelta | None) -> str | None:
    return None if length is None else duration_text(length.total_seconds())


def part_text(share: float | None) -> str | None:
    return None if share is None else share_text(share)


def length(group: Group, key: str) -> timedelta | None:
    seconds = group.maybe_seconds(key)
    return None if seconds is None else timedelta(seconds=seconds)
