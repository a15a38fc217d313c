"""Errors as pages: what is missing, and the way on."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from service.errors import Conflict, DomainError, NotFound, Unavailable
from service.web.pages import page


def _domain(request: Request, error: Exception) -> Response:
    match error:
        case NotFound():
            return _error(request, HTTPStatus.NOT_FOUND, str(error))
        case Conflict():
            return _error(request, HTTPStatus.CONFLICT, str(error))
        case Unavailable():
            return _error(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        case _:
            return _error(request, HTTPStatus.BAD_REQUEST, str(error))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return _error(request, HTTPStatus(error.status_code), str(error.detail))


def _validation(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the address says it
    return _error(request, HTTPStatus.BAD_REQUEST, "The address of this page cannot be read.")


def _unexpected(request: Request, error: Exception) -> Response:  # noqa: ARG001 - it is logged
    """A defect of ours: the log has the traceback, the reader gets the id to look for."""
    told = f"Bakegate made an error; its log tells more under {request.state.incident}."
    return _error(request, HTTPStatus.INTERNAL_SERVER_ERROR, told)


def _error(request: Request, status: HTTPStatus, told: str) -> Response:
    return page(request, "error.html", status, status=status, told=told)


#: Who answers which error on the paths of pages.
HANDLERS: Final[dict[type[Exception], Callable[[Request, Exception], Response]]] = {
    DomainError: _domain,
    RequestValidationError: _validation,
    HTTPException: _http,
    Exception: _unexpected,
}
