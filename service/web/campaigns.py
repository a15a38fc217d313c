"""Campaigns as pictures: lines in SVG, with coordinates of their own and looks by class."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policies.phrases import counted
from service.reports.campaigns import Campaign
from service.web.scale import Scale, Tick

#: The picture's box and the field in it, in units of its own.
WIDTH: Final = 400
HEIGHT: Final = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 392.0, 22.0, 126.0
#: Where a text beside a point would leave the picture.
_NEAR: Final = 300.0
_MOST_MONTHS: Final = 7
#: Fewer days than this are told as days, more of them as months.
_DAYS: Final = timedelta(days=45)
#: Room behind the day, as a part of the whole.
_AFTER: Final = 0.06


@dataclass(frozen=True, slots=True)
class Drawn:
    """``curve``, ``area`` and ``ahead`` are paths; empty where a single point is known."""

    campaign: Campaign
    curve: str
    area: str
    ahead: str
    today: tuple[float, float]
    anchor: str
    """On which side of the point of today its numbers stand."""
    below: float
    """How far below the point they stand."""
    mark: float
    ticks: tuple[Tick, ...]
    label: str


def drawn(campaign: Campaign) -> Drawn:
    """Percent that pass over time, until the day on which the level changes."""
    weeks, now = campaign.weeks, campaign.now
    end = max(campaign.day, now.at) + (max(campaign.day, now.at) - weeks[0].at) * _AFTER
    scale = Scale(weeks[0].at, max(end - weeks[0].at, timedelta(days=1)))
    points = [(_x(scale, each.at), _y(each.share)) for each in weeks]
    x, y = points[-1]
    mark = _x(scale, campaign.day)
    line = _path(points) if len(points) > 1 else ""
    area = f"{line} V{_BOTTOM} H{points[0][0]}Z" if line else ""
    expected = campaign.expected
    ahead = "" if expected is None else _path([(x, y), (mark, _y(expected))])
    return Drawn(
        campaign,
        line,
        area,
        ahead,
        (x, y),
        "end" if x > _NEAR else "start",
        # Above the line there is only room where it is low.
        -9.0 if y > (_TOP + _BOTTOM) / 2 else 18.0,
        mark,
        tuple(_ticks(scale)),
        _label(campaign),
    )


def _label(campaign: Campaign) -> str:
    practice, now, first = campaign.practice, campaign.now, campaign.weeks[0]
    told = f"{practice.rule}: {now.passing} of {counted(now.applies, 'pipeline')} pass now"
    if first is not now:
        told += f", {first.passing} of {first.applies} on {first.at:%Y-%m-%d}"
    told += f"; {practice.next_level}s from {practice.next_day}"
    if campaign.expected is not None:
        told += f", {int(100 * campaign.expected)}% expected by then"
    return told


def _x(scale: Scale, at: datetime) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * scale.at(at) / 100, 1)


def _y(share: float) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * share, 1)


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x} {y}" for x, y in points)


def _ticks(scale: Scale) -> Iterator[Tick]:
    """Days of a short time, months of a long one, at places of the picture."""
    if scale.whole < _DAYS:
        for each in scale.ticks:
            yield Tick(round(_LEFT + (_RIGHT - _LEFT) * each.x / 100, 1), each.text)
        return
    months = list(_months(scale.start, scale.start + scale.whole))
    for at in months[:: -(-len(months) // _MOST_MONTHS)]:
        yield Tick(_x(scale, at), f"{at:%b}")


def _months(since: datetime, until: datetime) -> Iterator[datetime]:
    at = since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while at <= until:
        if at >= since:
            yield at
        at = (at + timedelta(days=32)).replace(day=1)
