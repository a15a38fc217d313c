"""Alarms that other systems judge: reported here, and listed."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from service.api.errors import PROBLEMS
from service.api.given import GivenActor, GivenBackend
from service.api.schemas import Incoming, Instant, Outgoing
from service.promotions.reported import Reach, Report, Said

router = APIRouter(responses=PROBLEMS, tags=["alarms"])

Word = Annotated[str, Field(max_length=200)]


class NewReport(Incoming):
    """What one system says of one alarm; say it again within five minutes, or nobody knows.

    ``service`` names a pipeline, ``target`` a pipeline and its target as ``place``, ``region`` and
    ``zone`` (as ``region/zone``) a place, ``org`` a node of the organization. ``ended`` takes an
    alarm back.
    """

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["latency"])]
    state: Literal["ok", "alarm", "ended"]
    scope: Literal["service", "target", "zone", "region", "org"] = "service"
    pipeline: Annotated[Word, Field(examples=["payments-api"])] = ""
    organization: Annotated[str, Field(max_length=2000)] = ""
    place: Word = ""
    severity: Literal["high", "low"] = "high"
    message: Annotated[str, Field(max_length=2000, examples=["p99 of 2.1 s"])] = ""


class Heard(Outgoing):
    """``decided`` are the pipelines with something on its way that were decided at once."""

    was: str
    now: str
    decided: list[str]


class Reported(Outgoing):
    name: str
    scope: str = Field(validation_alias="reach")
    pipeline: str
    organization: str
    place: str
    state: str = Field(validation_alias="level")
    severity: str
    message: str
    by: str
    since: Instant
    reported_at: Instant
    stale: bool


class ReportedAlarms(Outgoing):
    alarms: list[Reported]


@router.post("/v1/alarms")
def report(said: NewReport, backend: GivenBackend, actor: GivenActor) -> Heard:
    """Report an alarm: bakes that watch it go back, and gates that it concerns hold, at once."""
    body = said.model_dump(exclude={"state", "scope"})
    heard = backend.report_alarm(
        Report(said=Said(said.state), reach=Reach(said.scope), **body), actor
    )
    return Heard.model_validate(heard)


@router.get("/v1/alarms")
def alarms(backend: GivenBackend) -> ReportedAlarms:
    """Every alarm that another system has reported, those that fire first."""
    return ReportedAlarms.model_validate({"alarms": list(backend.reported_alarms())})
