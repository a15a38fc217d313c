"""Alarms over data points, and the clock of a bake: pure functions over counts per period.

Data points are kept as counts per target and alarm period. A period counts for a bake only when
every target of the stage had data in it, so the clock stands still without data and a jump of the
machine's clock adds nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from policies.alarm import Alarm
from policies.pipeline import Target


@dataclass(frozen=True, slots=True)
class Counts:
    """Positive and negative answers of one version on one target in one period.

    ``operation`` is empty where nobody said to what they were answers.
    """

    target: str
    start: datetime
    positive: int
    negative: int
    operation: str = ""


class AlarmLevel(StrEnum):
    OK = "ok"
    ALARM = "alarm"
    UNKNOWN = "unknown"


def period_start(at: datetime, period: timedelta) -> datetime:
    """The beginning of the period that contains ``at``; periods are aligned to the epoch in UTC."""
    seconds = period.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, tz=at.tzinfo)


def alarm_level(alarm: Alarm, counts: Iterable[Counts], now: datetime) -> AlarmLevel:
    """Judge one alarm over the last ``alarm.of`` periods, the running one included.

    The running period counts as soon as it is over the limit, so that harm is acted on at once and
    not at its end; it never counts as good. A period under ``alarm.minimum`` data points says
    nothing.
    """
    if alarm.negative_ratio is None and alarm.negatives is None:
        return AlarmLevel.UNKNOWN
    totals: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
    for each in counts:
        start = period_start(each.start, alarm.period)
        totals[start][0] += each.positive
        totals[start][1] += each.negative
    current = period_start(now, alarm.period)
    bad = said = 0
    for back in range(alarm.of):
        positive, negative = totals.get(current - back * alarm.period, (0, 0))
        if positive + negative < max(alarm.minimum, 1):
            continue
        said += 1
        bad += _over(alarm, positive, negative)
    if bad >= alarm.periods:
        return AlarmLevel.ALARM
    return AlarmLevel.OK if said else missing(alarm)


def _over(alarm: Alarm, positive: int, negative: int) -> bool:
    ratio = negative / (positive + negative)
    share = alarm.negative_ratio is not None and ratio > alarm.negative_ratio
    return share or (alarm.negatives is not None and negative > alarm.negatives)


def missing(alarm: Alarm) -> AlarmLevel:
    """What an alarm says where there is nothing to judge it by."""
    known = alarm.missing in set(AlarmLevel)
    return AlarmLevel(alarm.missing) if known else AlarmLevel.UNKNOWN


def places(alarm: Alarm, stage: str, targets: Sequence[Target]) -> dict[str, frozenset[str]]:
    """What an alarm judges by itself in a stage, with the targets of each.

    A stage without targets is its own one target; what does not say where it stands is one place
    with all others that do not.
    """
    listed = targets or (Target(stage),)
    found: dict[str, set[str]] = defaultdict(set)
    for each in listed:
        match alarm.scope:
            case "target":
                found[each.name].add(each.name)
            case "zone":
                found[f"{each.region}/{each.zone}"].add(each.name)
            case "region":
                found[each.region].add(each.name)
            case _:
                found[""].add(each.name)
    return {place: frozenset(names) for place, names in found.items()}


def worst(levels: Iterable[AlarmLevel]) -> AlarmLevel:
    """One level for several places: an alarm anywhere, else a place of which nothing is known."""
    order = (AlarmLevel.ALARM, AlarmLevel.UNKNOWN, AlarmLevel.OK)
    return min(levels, key=order.index, default=AlarmLevel.UNKNOWN)


def observed(
    counts: Sequence[Counts],
    targets: Sequence[str],
    period: timedelta,
    since: datetime,
    now: datetime,
) -> timedelta:
    """Bake time: the sum of whole and running periods in which every target had data.

    The first period counts from ``since`` and the running one up to ``now``.
    """
    seen: dict[datetime, set[str]] = defaultdict(set)
    for each in counts:
        if each.positive + each.negative:
            seen[period_start(each.start, period)].add(each.target)
    total = timedelta()
    for start, present in seen.items():
        if present.issuperset(targets):
            begin, end = max(start, since), min(start + period, now)
            total += max(end - begin, timedelta())
    return total


def still_since(
    counts: Sequence[Counts],
    targets: Sequence[str],
    period: timedelta,
    since: datetime,
    now: datetime,
) -> datetime | None:
    """When the bake's clock stopped for want of data, or None while it runs.

    The running period and the one before it are allowed to be empty: data arrive after the fact.
    """
    at = stopped(counts, targets, period, since)
    return at if now - at > period else None


def stopped(
    counts: Sequence[Counts], targets: Sequence[str], period: timedelta, since: datetime
) -> datetime:
    """When the last period ended in which every target had data."""
    return min(_last(counts, targets, period, since).values(), default=since)


def silent(
    counts: Sequence[Counts],
    targets: Sequence[str],
    period: timedelta,
    since: datetime,
    now: datetime,
) -> tuple[str, ...]:
    """The targets for whose want of data the clock stands still."""
    last = _last(counts, targets, period, since)
    return tuple(name for name, at in last.items() if now - at > period)


def _last(
    counts: Sequence[Counts], targets: Sequence[str], period: timedelta, since: datetime
) -> dict[str, datetime]:
    """When the last period with data ended on each target."""
    last = dict.fromkeys(targets, since)
    for each in counts:
        if each.positive + each.negative and each.target in last:
            last[each.target] = max(last[each.target], period_start(each.start, period) + period)
    return last
