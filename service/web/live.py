"""The stream behind a page: fragments when something happened, a sign of life when nothing did.

A page is drawn once for each version of its pipeline and shared by everybody who looks at it. Each
stream asks for the version twice a second, which is one indexed row; nothing is pushed, so an event
that was written by another process arrives the same way.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Annotated, Final, cast

from fastapi import Depends, FastAPI, Request
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool

from service.web.fragments import Draw, Fragments, changed, message, news
from service.web.promotions import Promotions
from service.web.render import render

#: Seconds between two looks at a version.
_LOOK_S: Final = 0.5
#: Seconds between two signs of life; a page that misses two says that it is not live.
_HEARTBEAT_S: Final = 15.0
#: Most pages whose drawing is kept.
_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class _Drawing:
    version: int
    fragments: Fragments
    stale_at: float
    """On the monotonic clock; infinite while nothing acts."""


class Drawings:
    """The newest drawing of each page that somebody looks at."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Drawing] = OrderedDict()
        self._lock = Lock()

    def current(self, promotions: Promotions, page: str, version: int, draw: Draw) -> Fragments:
        """The fragments of a page at a version, drawn by the first who asks."""
        with self._lock:
            kept = self._kept.get(page)
            if kept is None or kept.version != version or time.monotonic() >= kept.stale_at:
                fragments, pace = draw(promotions)
                rest = pace.total_seconds() if pace else float("inf")
                kept = _Drawing(version, fragments, time.monotonic() + rest)
                self._kept[page] = kept
                self._kept.move_to_end(page)
                if len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
            return kept.fragments


def give(app: FastAPI) -> None:
    """Let the readers of one application share what is drawn for them."""
    app.state.drawings = Drawings()


def _drawings(request: Request) -> Drawings:
    return cast("Drawings", request.app.state.drawings)


GivenDrawings = Annotated[Drawings, Depends(_drawings)]


@dataclass(frozen=True, slots=True)
class Page:
    """What is streamed: a page by its path, the version that it follows, its drawing."""

    path: str
    version: Callable[[Promotions], int]
    draw: Draw


def of_pipeline(name: str) -> Callable[[Promotions], int]:
    return lambda promotions: promotions.version(name)


async def stream(
    promotions: Promotions, drawings: Drawings, page: Page, since: int
) -> AsyncIterator[bytes]:
    """Messages for one reader, who has seen the page as of version ``since`` or newer.

    What exactly this reader has is known only after the first message; until then any sign of news
    sends every fragment, because a drawing may be newer than the version that was asked before it.
    """
    last: Fragments = {}
    seen = since
    sure = False
    told = float("-inf")
    while True:
        version = await run_in_threadpool(page.version, promotions)
        fragments = await run_in_threadpool(
            drawings.current, promotions, page.path, version, page.draw
        )
        moved = changed(last, fragments) if last else {}
        marked = news(last, fragments) if last and version != seen else frozenset()
        behind = not sure and (version != since or bool(moved))
        parts = fragments if behind else moved
        last, seen, sure = fragments, version, sure or behind
        if parts or time.monotonic() - told >= _HEARTBEAT_S:
            told = time.monotonic()
            body = await run_in_threadpool(_body, parts, marked)
            yield format_sse_event(data_str=body, id=str(version))
        await asyncio.sleep(_LOOK_S)


def _body(parts: Fragments, marked: frozenset[str]) -> str:
    sign = render("fragments/live.html", moment=datetime.now(UTC), swap=True)
    return (message(parts, marked) if parts else "") + sign
