"""The words about a level that is announced but does not hold yet."""

from policies.ruleset import Effective
from policies.windows import zone as zone_of

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_VERBS = {"block": "blocks", "warn": "warns", "observe": "is observed", "off": "is off"}


def announced(message: str, effective: Effective, zone: str) -> str:
    """The message, with the date, the reason and the place to debate a stricter level to come."""
    upcoming = effective.next
    if upcoming is None or upcoming.enforcement <= effective.enforcement:
        return message
    day = upcoming.at.astimezone(zone_of(zone))
    # Names of months are ours: those of the platform depend on its language.
    told = f"{_VERBS[upcoming.enforcement.word]} from {day.day} {_MONTHS[day.month - 1]} {day.year}"
    why = f": {effective.reason.rstrip('.')}" if effective.reason else ""
    debate = f"; debate it at {effective.debate}" if effective.debate else ""
    return f"{message} ({told}{why}{debate})"
