"""Pages of exemptions, opt-outs and the blocklist, with forms that work without script."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from policies.exceptions import Subject
from policies.plain import parse_day
from service.errors import Conflict
from service.promotions.exceptions import Filter, State, Verb, Wanted
from service.web.forms import Fields
from service.web.pages import page
from service.web.promotions import GivenActor, GivenPromotions, Promotions

router = APIRouter(include_in_schema=False)


@router.get("/exceptions")
def exceptions(request: Request, promotions: GivenPromotions) -> HTMLResponse:
    """What waits for somebody first, then what counts, then what is over."""
    return _exceptions(request, promotions)


@router.get("/exceptions/new")
def ask(request: Request, pipeline: str = "", rule: str = "") -> HTMLResponse:
    given = {"pipeline": pipeline, "rule": rule, "until": "", "reason": "", "kind": "exemption"}
    return page(request, "exception_new.html", given=given, bad="")


@router.post("/exceptions")
def request_exception(
    request: Request, fields: Fields, promotions: GivenPromotions, actor: GivenActor
) -> Response:
    """Ask for an exception; what a limit refuses is said beside the form."""
    given = {name: fields.get(name, "") for name in ("pipeline", "rule", "until", "reason", "kind")}
    try:
        promotions.request_exception(_wanted(given), actor)
    except Conflict as error:
        return page(request, "exception_new.html", 409, given=given, bad=str(error))
    return RedirectResponse("/exceptions", 303)


@router.post("/exceptions/{name}/{verb}")
def decide_exception(  # noqa: PLR0917 - the framework fills them by name
    name: str,
    verb: Verb,
    request: Request,
    fields: Fields,
    promotions: GivenPromotions,
    actor: GivenActor,
) -> Response:
    try:
        promotions.decide_exception(name, verb, fields.get("reason", ""), actor)
    except Conflict as error:
        return _exceptions(request, promotions, str(error), 409)
    return RedirectResponse(f"/exceptions#{name}", 303)


@router.get("/blocklist")
def blocklist(request: Request, promotions: GivenPromotions) -> HTMLResponse:
    return _blocklist(request, promotions)


@router.post("/blocklist/{name}/remove")
def remove_entry(
    name: str, request: Request, fields: Fields, promotions: GivenPromotions, actor: GivenActor
) -> Response:
    try:
        promotions.remove_blocklist(name, fields.get("reason", ""), actor)
    except Conflict as error:
        return _blocklist(request, promotions, str(error), 409)
    return RedirectResponse(f"/blocklist#{name}", 303)


@router.post("/blocklist/{name}/confirm")
def confirm_entry(
    name: str, request: Request, promotions: GivenPromotions, actor: GivenActor
) -> Response:
    try:
        promotions.confirm_blocklist(name, actor)
    except Conflict as error:
        return _blocklist(request, promotions, str(error), 409)
    return RedirectResponse(f"/blocklist#{name}", 303)


def _exceptions(
    request: Request, promotions: Promotions, bad: str = "", code: int = 200
) -> HTMLResponse:
    found = promotions.exceptions(Filter())
    waiting = [each for each in found if each.state == State.REQUESTED]
    counting = [each for each in found if each.state == State.APPROVED]
    over = [each for each in found if each not in waiting and each not in counting]
    groups = {"waiting": waiting, "counting": counting, "over": over}
    return page(request, "exceptions.html", code, bad=bad, **groups)


def _blocklist(
    request: Request, promotions: Promotions, bad: str = "", code: int = 200
) -> HTMLResponse:
    found = promotions.blocklist()
    over = [each for each in found if each.state in {"removed", "ended"}]
    listed = [each for each in found if each not in over]
    return page(request, "blocklist.html", code, bad=bad, listed=listed, over=over)


def _wanted(given: dict[str, str]) -> Wanted:
    """What a form asks for; raises Conflict for a kind or a day that does not exist."""
    try:
        day = parse_day(given["until"])
        kind = Subject(given["kind"])
    except ValueError as error:
        raise Conflict(str(error)) from error
    until = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Wanted(kind, given["pipeline"], given["rule"], given["reason"], until)
