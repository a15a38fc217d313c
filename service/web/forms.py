"""Forms of the pages: they post, and the answer leads back to a page. All work without script."""

from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from service.errors import Conflict
from service.web.pages import page
from service.web.promotions import GivenActor, GivenPromotions

router = APIRouter(include_in_schema=False)

_THEMES: Final = frozenset({"system", "light", "dark"})
_YEAR_S: Final = 365 * 24 * 3600
#: Far more than any form of ours holds.
_LONGEST: Final = 16_384


async def _fields(request: Request) -> dict[str, str]:
    """Fields of a posted form, the last of each name; a body that is too long has none."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST:
            return {}
    return {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}


Fields = Annotated[dict[str, str], Depends(_fields)]


@router.post("/theme")
def theme(fields: Fields) -> Response:
    """Keep the theme in a cookie, so that the next page has it before it is drawn."""
    wanted = fields.get("theme", "system")
    answer = RedirectResponse(_local(fields.get("back", "/")), 303)
    if wanted in _THEMES:
        answer.set_cookie("theme", wanted, max_age=_YEAR_S, httponly=True, samesite="lax")
    return answer


@router.get("/pipelines/{name}/stages/{stage}/transition")
def ask_transition(
    name: str, stage: str, request: Request, promotions: GivenPromotions
) -> HTMLResponse:
    """Ask for the reason that a transition needs to be automatic again."""
    view = promotions.pipeline(name)
    return page(request, "transition.html", view=view, stage=stage, bad="", reason="")


@router.post("/pipelines/{name}/stages/{stage}/transition")
def switch_transition(  # noqa: PLR0917 - the framework fills them by name
    name: str,
    stage: str,
    request: Request,
    fields: Fields,
    promotions: GivenPromotions,
    actor: GivenActor,
) -> Response:
    """To manual at once, because that is safe; to automatic with a reason."""
    mode, reason = fields.get("mode", ""), fields.get("reason", "").strip()
    try:
        promotions.switch_transition(name, stage, mode, reason, actor)
    except Conflict as error:
        view = promotions.pipeline(name)
        given = {"view": view, "stage": stage, "bad": str(error), "reason": reason}
        return page(request, "transition.html", 409, **given)
    return RedirectResponse(f"/pipelines/{name}#stage-{stage}", 303)


def _local(path: str) -> str:
    """A path of ours, whatever was posted."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
