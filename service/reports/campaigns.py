"""Rules on their way to a stricter level: how many pipelines pass, week by week, until the day.

Whom a rule applies to today, exceptions counted, is followed back through what lint said of it. So
the last week is what the heat map shows, and what is excepted today is left out throughout.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from policies.findings import Enforcement, Result
from service.reports.overview import Change, Following, Judgement, Member, Overview, Practice

#: How far back weeks are shown: half of a year, in which most campaigns begin and end.
_FURTHEST: Final = timedelta(weeks=26)
#: What the trend is read from.
_TREND: Final = timedelta(weeks=4)
_WEEK: Final = timedelta(weeks=1)
_APPLIES: Final = frozenset({Result.PASS.value, Result.FAIL.value, Result.UNKNOWN.value})


@dataclass(frozen=True, slots=True)
class Week:
    """How many pipelines passed at an instant, of those that the rule applied to."""

    at: datetime
    passing: int
    applies: int

    @property
    def share(self) -> float:
        """From 0 to 1; 1 where there was nobody who could fail."""
        return self.passing / self.applies if self.applies else 1.0


@dataclass(frozen=True, slots=True)
class Left:
    """One pipeline that fails, and what would mend it."""

    member: Member
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Campaign:
    """One announced rule. ``weeks`` are beginnings of weeks, oldest first, and now as the last.

    ``expected`` is the share on the day by the trend of the last weeks, None without a trend.
    """

    practice: Practice
    day: datetime
    weeks: tuple[Week, ...]
    left: tuple[Left, ...]
    expected: float | None

    @property
    def now(self) -> Week:
        return self.weeks[-1]


def campaigns(overview: Overview) -> tuple[Campaign, ...]:
    """Every announced rule that applies to somebody, the nearest day first."""
    changes = defaultdict(list)
    for each in overview.changes:
        changes[each.rule].append(each)
    members, now = overview.members, overview.now
    found = (_campaign(each, members, changes[each.rule], now) for each in overview.practices)
    return tuple(sorted(filter(None, found), key=lambda each: (each.day, each.practice.rule)))


def campaign(seen: Following) -> Campaign | None:
    """That of one rule; None where no stricter level is announced, or it applies to nobody."""
    if seen.practice is None:
        return None
    return _campaign(seen.practice, seen.members, seen.changes, seen.now)


def _stricter(practice: Practice) -> bool:
    """Whether the level that is announced asks for more than the one that holds."""
    order = [each.word for each in Enforcement]
    if not practice.next_day:
        return False
    return order.index(practice.next_level) > order.index(practice.level)


def _judged(rule: str, members: Iterable[Member]) -> dict[str, Left]:
    """By pipeline, what is said today of those that the rule applies to."""
    return {
        member.name: Left(member, each)
        for member in members
        for each in member.judgements
        if each.rule == rule and each.result in _APPLIES
    }


def _campaign(
    practice: Practice, members: Iterable[Member], changes: Iterable[Change], now: datetime
) -> Campaign | None:
    judged = _judged(practice.rule, members) if _stricter(practice) else {}
    if not judged:
        return None
    mine = [each for each in changes if each.pipeline in judged]
    first = min((each.at for each in mine), default=now)
    past = [_week(at, mine) for at in _mondays(max(first, now - _FURTHEST), now)]
    results = [each.judgement.result for each in judged.values()]
    weeks = (*past, Week(now, results.count(Result.PASS), len(results)))
    day = datetime.combine(date.fromisoformat(practice.next_day), datetime.min.time(), UTC)
    failing = (each for each in judged.values() if each.judgement.result == Result.FAIL)
    left = tuple(sorted(failing, key=lambda each: each.member.name))
    return Campaign(practice, day, weeks, left, _expected(weeks, day))


def _mondays(since: datetime, until: datetime) -> Iterator[datetime]:
    """Beginnings of weeks, in UTC, at which something was known already."""
    at = datetime.combine(since.astimezone(UTC).date(), datetime.min.time(), UTC)
    at += timedelta(days=-at.weekday() % 7)
    while at < until:
        if at >= since:
            yield at
        at += _WEEK


def _week(at: datetime, changes: Iterable[Change]) -> Week:
    results = {each.pipeline: each.result for each in changes if each.at <= at}
    applies = [each for each in results.values() if each in _APPLIES]
    return Week(at, applies.count(Result.PASS.value), len(applies))


def _expected(weeks: tuple[Week, ...], day: datetime) -> float | None:
    now = weeks[-1]
    before = [each for each in weeks if _WEEK <= now.at - each.at <= _TREND + _WEEK]
    if not before or day <= now.at:
        return None
    gained = (now.share - before[0].share) / ((now.at - before[0].at) / _WEEK)
    return min(max(now.share + gained * ((day - now.at) / _WEEK), 0.0), 1.0)
