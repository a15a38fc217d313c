"""Which pipelines need a leader's eye: severity times tier times days, over failing rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policies.findings import Result
from service.reports.overview import Judgement, Member, Overview

#: How much a severity and a tier weigh; a tier that nobody declared weighs as tier 2.
_SEVERITY: Final = {"high": 3, "medium": 2, "low": 1}
_TIER: Final = {0: 4, 1: 3, 2: 2, 3: 1}
_UNSAID: Final = 2
#: Levels that ask something of a team.
_ASKED: Final = ("block", "warn")


@dataclass(frozen=True, slots=True)
class Attention:
    """One pipeline with what it fails, what blocks and what is severe first."""

    member: Member
    points: int
    failing: tuple[Judgement, ...]


def attention(overview: Overview) -> tuple[Attention, ...]:
    """Pipelines that fail what is asked of them, those with most points first."""
    severity = {each.rule: each.severity for each in overview.practices}
    found = [_of(member, severity, overview.now) for member in overview.members]
    found.sort(key=lambda each: (-each.points, each.member.name))
    return tuple(each for each in found if each.points)


def _of(member: Member, severity: Mapping[str, str], now: datetime) -> Attention:
    failing = [
        each
        for each in member.judgements
        if each.result == Result.FAIL.value and each.level in _ASKED
    ]
    weight = _UNSAID if member.tier is None else _TIER.get(member.tier, _UNSAID)
    failing.sort(key=lambda each: (_ASKED.index(each.level), -_severity(each, severity)))
    points = sum(_severity(each, severity) * weight * _days(each, now) for each in failing)
    return Attention(member, points, tuple(failing))


def _severity(each: Judgement, severity: Mapping[str, str]) -> int:
    return _SEVERITY.get(severity.get(each.rule, "medium"), _SEVERITY["medium"])


def _days(each: Judgement, now: datetime) -> int:
    """Days since the level holds, from one on; one where the log does not tell."""
    return max((now - each.since).days, 1) if each.since else 1
