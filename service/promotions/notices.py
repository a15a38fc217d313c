"""Telling teams of a rule on its way: when, whom, and in which words. Pure; nothing is sent here.

One message for each failing team and moment: when the rule is announced, when it warns for the
first time, a fortnight and three days before it blocks, and when it does. A moment that was missed
is made up for, but only the latest: three old messages at once help nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from policies.pipeline import Pipeline

#: What happened longer ago is no news.
NEWS: Final = timedelta(days=7)


class Moment(StrEnum):
    ANNOUNCED = "announced"
    WARNS = "warns"
    FORTNIGHT = "14-days-before"
    THREE_DAYS = "3-days-before"
    DATE = "date"


#: How long before its date a rule that will block is told of.
_BEFORE: Final = {
    Moment.FORTNIGHT: timedelta(days=14),
    Moment.THREE_DAYS: timedelta(days=3),
    Moment.DATE: timedelta(),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One finding of the team's own."""

    pipeline: str
    path: str
    line: int
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """One scheduled step of a rule: when it was announced, when it starts, and why."""

    rule: str
    level: str
    announced: datetime | None
    starts: datetime
    day: str
    """The day in the organization's zone, as people read it."""
    reason: str
    debate: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one team by one way. ``key`` is the same however often it is tried."""

    key: str
    team: str
    channel: str
    subject: str
    text: str
    message: Mapping[str, Any]


def told_at(pipeline: Pipeline, node: str) -> tuple[str, str]:
    """Team and channel; a pipeline that names no team is told of at its node."""
    team = pipeline.owner.team.or_else(None) or node
    return team, pipeline.owner.channel.or_else(None) or team


def moment(campaign: Campaign, now: datetime) -> Moment | None:
    """The latest moment of a campaign that has come; None before the first and after the news."""
    if campaign.level == "warn":
        instants = {Moment.WARNS: campaign.starts}
    else:
        instants = {each: campaign.starts - before for each, before in _BEFORE.items()}
        if campaign.announced:
            instants[Moment.ANNOUNCED] = campaign.announced
    come = {each: at for each, at in instants.items() if at <= now}
    if not come or campaign.starts + NEWS <= now:
        return None
    return max(come, key=lambda each: (come[each], list(Moment).index(each)))


def letter(
    key: str, owner: tuple[str, str], campaign: Campaign, at: Moment, told: Iterable[Told]
) -> Letter:
    """The message of one team, for people and for machines; ``owner`` is team and channel."""
    team, channel = owner
    found = list(told)
    message = {
        "type": "bakegate.notice/v1",
        "id": key,
        "moment": at.value,
        "rule": campaign.rule,
        "enforcement": campaign.level,
        "date": campaign.day,
        "reason": campaign.reason,
        "debate": campaign.debate,
        "team": team,
        "channel": channel,
        "findings": [asdict(each) for each in found],
    }
    subject = f"{campaign.rule} {_happens(campaign, at)}"
    return Letter(key, team, channel, subject, _text(campaign, at, found), message)


def _happens(campaign: Campaign, at: Moment) -> str:
    verb = {"warn": "warns", "block": "blocks"}[campaign.level]
    if at in (Moment.DATE, Moment.WARNS):
        return f"{verb} since {campaign.day}"
    return f"{verb} from {campaign.day}"


def _text(campaign: Campaign, at: Moment, found: list[Told]) -> str:
    lines = [f"The rule {campaign.rule} {_happens(campaign, at)}."]
    lines += [campaign.title + "."] if campaign.title else []
    lines += [f"Why: {campaign.reason}"] if campaign.reason else []
    lines += [f"Debate it at {campaign.debate}"] if campaign.debate else []
    lines += ["", "What it finds in your pipelines:"]
    for each in found:
        lines += ["", f"{each.pipeline}, {each.path}:{each.line}", f"  {each.message}"]
        lines += [f"  {each.fix}"] if each.fix else []
    lines += ["", f"More about the rule: bakegate explain {campaign.rule}"]
    return "\n".join(lines) + "\n"
