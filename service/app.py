"""The application: API and pages in front of one backend; wiring, and nothing else."""

import logging
from collections.abc import Callable
from secrets import token_hex
from typing import Final, Protocol

from fastapi import FastAPI, Request, Response

from policies.version import ENGINE
from service.api import (
    alarms,
    blocklist,
    commands,
    data_points,
    exceptions,
    reads,
    sources,
    store,
    writes,
)
from service.api import errors as api_errors
from service.api import given as api_given
from service.api.backend import Backend
from service.web import acts, forms, live, organization, pages, rules
from service.web import errors as page_errors
from service.web import exceptions as exception_pages
from service.web import promotions as page_given
from service.web.security import Guard

_log: Final = logging.getLogger(__name__)

#: Where machines ask; everything else is for people.
_API: Final = ("/v1/", "/healthz", "/readyz")

_Handler = Callable[[Request, Exception], Response]


class Service(Backend, page_given.Promotions, Protocol):
    """What API and pages ask together."""


def create_app(backend: Service, actor: Callable[[], str], hook_secret: str = "") -> FastAPI:
    """Wire API and pages; ``actor`` names who writes, and is asked once for each write.

    Messages of code forges are taken when they are signed with ``hook_secret``.
    """
    app = FastAPI(
        title="Bakegate",
        version=ENGINE,
        summary="Gates every promotion of a release and promotes it from commit to all customers.",
        # The viewers of the framework load scripts from other sites; the description itself stays.
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    api_given.give(app, backend, actor, hook_secret)
    page_given.give(app, backend, actor)
    live.give(app)
    for router in (
        reads.router,
        writes.router,
        blocklist.router,
        alarms.router,
        commands.router,
        data_points.router,
        exceptions.router,
        sources.router,
        store.router,
        pages.router,
        organization.router,
        rules.router,
        forms.router,
        acts.router,
        exception_pages.router,
    ):
        app.include_router(router)
    for kind, handler in api_errors.HANDLERS.items():
        chosen = _either(handler, page_errors.HANDLERS[kind])
        app.add_exception_handler(kind, _recorded(chosen) if kind is Exception else chosen)
    app.add_middleware(Guard)
    return app


def _either(api: _Handler, page: _Handler) -> _Handler:
    """Errors of the API are problem details, errors of pages are pages."""

    def handle(request: Request, error: Exception) -> Response:
        return (api if request.url.path.startswith(_API) else page)(request, error)

    return handle


def _recorded(handler: _Handler) -> _Handler:
    """Log what nobody expected under an id, which is all that the one who asked gets to see."""

    def handle(request: Request, error: Exception) -> Response:
        request.state.incident = f"e-{token_hex(4)}"
        told = (request.state.incident, request.method, request.url.path)
        _log.error("%s: %s %s", *told, exc_info=error)
        return handler(request, error)

    return handle
