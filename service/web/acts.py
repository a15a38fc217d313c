"""Forms by which a person acts on a release or a pipeline; each is one command."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from service.errors import Conflict
from service.promotions.commands import (
    Abort,
    Approve,
    ClearProblem,
    Command,
    Override,
    Pause,
    ReportProblem,
    Resume,
    Retry,
    RollBack,
    Tick,
    Word,
)
from service.web.forms import Fields
from service.web.pages import release_page
from service.web.promotions import GivenActor, GivenPromotions, Promotions

router = APIRouter(include_in_schema=False)


@router.post("/releases/{name}/acts")
def act_on_release(
    name: str, request: Request, fields: Fields, promotions: GivenPromotions, actor: GivenActor
) -> Response:
    """Say something of a release, or intervene; its page shows what came of it."""
    try:
        promotions.carry_out(_of_release(name, fields), actor)
    except Conflict as error:
        if fields.get("act") != "override":
            raise
        return release_page(name, request, promotions, fields | {"bad": str(error)})
    return RedirectResponse(f"/releases/{name}#people", 303)


@router.post("/pipelines/{name}/acts")
def act_on_pipeline(
    name: str, fields: Fields, promotions: GivenPromotions, actor: GivenActor
) -> Response:
    """Pause the pipeline or one stage of it, or end a pause."""
    promotions.carry_out(_of_pipeline(name, fields, promotions), actor)
    return RedirectResponse(f"/pipelines/{name}#pauses", 303)


def _of_release(name: str, fields: dict[str, str]) -> Command:
    stage, reason = fields.get("stage", ""), fields.get("reason", "")
    match fields.get("act"):
        case "approve":
            return Approve(name, stage, Word.APPROVED, reason)
        case "reject":
            return Approve(name, stage, Word.REJECTED, reason)
        case "tick":
            return Tick(name, stage, fields.get("item", ""))
        case "override":
            rule, incident = fields.get("rule", ""), fields.get("incident", "")
            return Override(name, stage, rule, reason, _hours(fields), incident=incident)
        case other:
            return _intervention(name, stage, reason, fields, other)


def _intervention(
    name: str, stage: str, reason: str, fields: dict[str, str], act: str | None
) -> Command:
    match act:
        case "rollback":
            return RollBack(name, reason, stage)
        case "abort":
            return Abort(name, reason)
        case "retry":
            return Retry(name, stage, reason)
        case "report":
            return ReportProblem(name, reason)
        case "clear":
            return ClearProblem(fields.get("problem", ""), reason)
        case other:
            raise Conflict(f"nobody knows how to {other or 'do nothing'} with a release")


def _of_pipeline(name: str, fields: dict[str, str], promotions: Promotions) -> Command:
    match fields.get("act"):
        case "pause":
            reason, stage = fields.get("reason", ""), fields.get("stage", "")
            return Pause(reason, name, stage, until=_until(fields, promotions.pipeline(name).now))
        case "resume":
            return Resume(fields.get("pause", ""))
        case other:
            raise Conflict(f"nobody knows how to {other or 'do nothing'} with a pipeline")


def _until(fields: dict[str, str], now: datetime) -> datetime | None:
    """When a pause ends; None where somebody has to end it."""
    text = fields.get("hours", "").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise Conflict(f"a pause lasts whole hours, not {text!r}")
    return now + timedelta(hours=int(text))


def _hours(fields: dict[str, str]) -> int:
    text = fields.get("hours", "")
    if not text.isdecimal():
        raise Conflict(f"an override lasts whole hours, not {text!r}")
    return int(text)
