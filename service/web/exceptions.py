"""Pages of exemptions, opt-outs and the blocklist, with forms that work without script."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from policies.exceptions import Subject
from policies.plain import parse_day
from service.errors import Conflict
from service.promotions.exceptions import Filter, State, Verb, Wanted
from service.promotions.views import PAGE
from service.web.forms import Fields
from service.web.lists import Lists
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
    asked = {
        "waiting": Filter(state=State.REQUESTED),
        "counting": Filter(state=State.APPROVED),
        "over": Filter(over=True),
    }
    lists = Lists(request, "/exceptions")
    for name, wanted in asked.items():
        rows = promotions.exceptions(wanted, lists.after(name), PAGE)
        lists.add(name, rows, [each.place for each in rows])
    return page(request, "exceptions.html", code, bad=bad, lists=lists)


def _blocklist(
    request: Request, promotions: Promotions, bad: str = "", code: int = 200
) -> HTMLResponse:
    lists = Lists(request, "/blocklist")
    for name, over in (("listed", False), ("over", True)):
        rows = promotions.blocklist(lists.after(name), PAGE, over=over)
        lists.add(name, rows, [each.place for each in rows])
    return page(request, "blocklist.html", code, bad=bad, lists=lists)


def _wanted(given: dict[str, str]) -> Wanted:
    """What a form asks for; raises Conflict for a kind or a day that does not exist."""
    try:
        day = parse_day(given["until"])
        kind = Subject(given["kind"])
    except ValueError as error:
        raise Conflict(str(error)) from error
    until = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Wanted(kind, given["pipeline"], given["rule"], given["reason"], until)
