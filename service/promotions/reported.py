"""Alarms that other systems judge and report: what they may say, and how long it counts. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from service.errors import Conflict

#: A report says something for so long; then nobody knows. As old as ``alarm-block`` allows at most
#: where nobody has set it.
SAYS_FOR: Final = timedelta(minutes=5)

#: Every system numbers its incidents; a word of a sentence has no digit, and names nothing.
_INCIDENT: Final = re.compile(r"(?=\S*\d)\S{2,200}")


class Reach(StrEnum):
    """Whom an alarm concerns."""

    SERVICE = "service"
    TARGET = "target"
    ZONE = "zone"
    REGION = "region"
    ORGANIZATION = "org"


class Said(StrEnum):
    """What a system says of its alarm; ``ended`` takes it back."""

    OK = "ok"
    ALARM = "alarm"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Report:
    """What one system says of one alarm.

    A service and a target are those of ``pipeline``; ``place`` is the target, the region, or the
    zone as ``region/zone``. A zone, a region and an organization may be those of ``organization``
    and below; without one a zone or a region concerns everybody who is there.
    """

    name: str
    said: Said
    reach: Reach
    pipeline: str = ""
    organization: str = ""
    place: str = ""
    severity: str = "high"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a report changed: ``was`` is empty for an alarm that nobody had reported before.

    ``decided`` are the pipelines with something on its way that were decided in the same
    transaction.
    """

    was: str
    now: str
    decided: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportedView:
    """An alarm as last reported; ``stale`` where that was too long ago to say something."""

    name: str
    reach: str
    pipeline: str
    organization: str
    place: str
    level: str
    severity: str
    message: str
    by: str
    since: datetime
    reported_at: datetime
    stale: bool


def require_incident(text: str) -> str:
    """The name of an incident without spaces around; raises Conflict for what is no such name."""
    name = text.strip()
    if not _INCIDENT.fullmatch(name):
        raise Conflict(
            f"name the incident as the system does that keeps it, such as INC-31 or its address: "
            f"one word with a digit, not {name!r}"
        )
    return name


def require_whole(report: Report) -> None:
    """Raise Conflict where a report does not say whom it concerns, or says too much."""
    needs = {
        Reach.SERVICE: ("pipeline",),
        Reach.TARGET: ("pipeline", "place"),
        Reach.ZONE: ("place",),
        Reach.REGION: ("place",),
        Reach.ORGANIZATION: ("organization",),
    }[report.reach]
    may = {*needs, *(("organization",) if report.reach in {Reach.ZONE, Reach.REGION} else ())}
    for field in ("pipeline", "organization", "place"):
        given = bool(getattr(report, field))
        if field in needs and not given:
            raise Conflict(f"an alarm of the scope {report.reach} names its {field}")
        if given and field not in may:
            raise Conflict(f"an alarm of the scope {report.reach} names no {field}")
    if report.reach is Reach.ZONE and "/" not in report.place:
        raise Conflict(f"name the zone with its region, such as eu/{report.place}")
