"""The pages and the streams behind them. Plain functions: the framework runs them in threads."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from service.promotions.views import PAGE
from service.web.fragments import (
    draw_list,
    draw_pipeline,
    draw_release,
    list_fragments,
    pipeline_fragments,
    release_fragments,
)
from service.web.live import GivenDrawings, Page, of_pipeline, stream
from service.web.promotions import GivenPromotions, Promotions
from service.web.render import render
from service.web.static_files import PREFIX, served

router = APIRouter(include_in_schema=False)

_FOREVER: Final = "public, max-age=31536000, immutable"


def page(request: Request, template: str, code: int = 200, /, **given: Any) -> HTMLResponse:
    """A whole page in the reader's theme."""
    theme = request.cookies.get("theme", "system")
    known = theme if theme in {"light", "dark"} else "system"
    html = render(template, theme=known, path=request.url.path, **given)
    return HTMLResponse(html, code)


@router.get("/")
def pipelines(request: Request, promotions: GivenPromotions, after: str = "") -> HTMLResponse:
    rows = promotions.pipelines(after)
    more = rows[-1].name if len(rows) == PAGE else ""
    given = {"fragments": list_fragments(rows), "after": after, "more": more}
    return page(request, "pipelines.html", now=datetime.now(UTC), **given)


@router.get("/events")
def pipelines_events(
    promotions: GivenPromotions, drawings: GivenDrawings, after: str = ""
) -> StreamingResponse:
    # The list has no version of its own: it is drawn again at its pace, and a new reader gets all.
    shown = Page(f"/?after={after}", lambda _: 0, draw_list(after))
    return _live(stream(promotions, drawings, shown, since=-1))


@router.get("/pipelines/{name}")
def pipeline(name: str, request: Request, promotions: GivenPromotions) -> HTMLResponse:
    view = promotions.pipeline(name)
    fragments = pipeline_fragments(view)
    return page(request, "pipeline.html", view=view, now=view.now, fragments=fragments)


@router.get("/pipelines/{name}/events")
def pipeline_events(
    name: str,
    promotions: GivenPromotions,
    drawings: GivenDrawings,
    since: Annotated[int, Query()] = 0,
    last_event_id: Annotated[int | None, Header()] = None,
) -> StreamingResponse:
    promotions.version(name)
    path = f"/pipelines/{name}"
    streamed = Page(path, of_pipeline(name), draw_pipeline(name))
    return _live(stream(promotions, drawings, streamed, last_event_id or since))


@router.get("/releases/{name}")
def release(name: str, request: Request, promotions: GivenPromotions) -> HTMLResponse:
    return release_page(name, request, promotions)


def release_page(
    name: str, request: Request, promotions: Promotions, tried: Mapping[str, str] | None = None
) -> HTMLResponse:
    """The page of a release; ``tried`` is an override that was refused, with why in ``bad``."""
    pipeline_view = promotions.pipeline(promotions.release(name).pipeline)
    # Read after the version that the page names, so that the stream skips nothing in between.
    view = promotions.release(name)
    return page(
        request,
        "release.html",
        409 if tried else 200,
        view=view,
        pipeline=pipeline_view,
        now=pipeline_view.now,
        fragments=release_fragments(view, pipeline_view.now, tried),
    )


@router.get("/releases/{name}/events")
def release_events(
    name: str,
    promotions: GivenPromotions,
    drawings: GivenDrawings,
    since: Annotated[int, Query()] = 0,
    last_event_id: Annotated[int | None, Header()] = None,
) -> StreamingResponse:
    view = promotions.release(name)
    path = f"/releases/{name}"
    streamed = Page(path, of_pipeline(view.pipeline), draw_release(name))
    return _live(stream(promotions, drawings, streamed, last_event_id or since))


@router.get(PREFIX + "{name}")
def static(name: str) -> Response:
    """A file under the name that holds its hash; another hash is another file."""
    file = served().get(name)
    if file is None:
        raise HTTPException(404, f"there is no file {name!r}")
    headers = {"Cache-Control": _FOREVER}
    return Response(file.content, media_type=file.media_type, headers=headers)


def _live(messages: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(messages, media_type="text/event-stream")
