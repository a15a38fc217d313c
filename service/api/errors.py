"""Errors of the domain as RFC 9457 problem details: one shape, one complete table of statuses."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from policies.documents import Issue
from policies.engine.lint import FileReport
from policies.findings import Finding
from policies.output.json_v1 import file_v1
from policies.plain import nearest
from service.api.schemas import SHAPES
from service.errors import (
    Conflict,
    DomainError,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
    Unsigned,
)

MEDIA_TYPE: Final = "application/problem+json"

#: Every error of the domain has its status; a test compares the keys with the classes that exist.
STATUSES: Final[dict[type[DomainError], HTTPStatus]] = {
    DomainError: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unsigned: HTTPStatus.UNAUTHORIZED,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(BaseModel):
    """Problem details. ``findings`` have the form that ``bakegate.lint/v1`` gives them."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, Any]] | None = None
    findings: list[dict[str, Any]] | None = None


#: What the description says about every endpoint's errors.
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "Problem details",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}


def problem_of(error: DomainError, instance: str) -> Problem:
    """Describe an error of the domain; ``instance`` is the path that was asked."""
    status = STATUSES[type(error)]
    problem = Problem(title=status.phrase, status=status, detail=str(error), instance=instance)
    match error:
        case Invalid():
            problem.errors = [_issue(each) for each in error.issues]
        case Refused():
            problem.findings = _findings(error.findings)
        case _:
            pass
    return problem


def respond(problem: Problem) -> JSONResponse:
    body = problem.model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, problem.status, media_type=MEDIA_TYPE)


def _domain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)  # noqa: S101 - registered for this class only
    return respond(problem_of(error, request.url.path))


def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    known = _keys(request)
    errors = [
        {"at": ".".join(map(str, each["loc"])), "message": _words(each, known)}
        for each in error.errors()
    ]
    # A person wrote a field and no body.
    told = "; ".join(f"{each['at'].removeprefix('body.')}: {each['message']}" for each in errors)
    path = request.url.path
    return respond(
        Problem(title=status.phrase, status=status, detail=told, instance=path, errors=errors)
    )


def _keys(request: Request) -> list[str]:
    """What the body of this request may say at its top."""
    route = request.scope.get("route")
    params = route.dependant.body_params if isinstance(route, APIRoute) else []
    models = (each.field_info.annotation for each in params)
    return [name for each in models for name in getattr(each, "model_fields", ())]


def _words(found: dict[str, Any], known: list[str]) -> str:
    """What to write instead, where the validator would speak of inputs, patterns and lengths."""
    given = found.get("ctx", {})
    if found["type"] == "extra_forbidden":
        top = found["loc"][:-1] == ("body",)
        return f"there is no such key{nearest(str(found['loc'][-1]), known) if top else ''}"
    if found["type"] == "string_pattern_mismatch" and given["pattern"] in SHAPES:
        return f"write {SHAPES[given['pattern']]}, not {found['input']!r}"
    if found["type"] == "string_too_short" and given["min_length"] == 1:
        return "it is empty; write something"
    return str(found["msg"])


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    status = HTTPStatus(error.status_code)
    return respond(
        Problem(
            title=status.phrase,
            status=status,
            detail=str(error.detail),
            instance=request.url.path,
        )
    )


def _unexpected(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - it is logged
    """A defect of ours: the log has the traceback, the one who asked gets the id to look for."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = f"Bakegate made an error; its log tells more under {request.state.incident}."
    path = request.url.path
    return respond(Problem(title=status.phrase, status=status, detail=detail, instance=path))


def _issue(issue: Issue) -> dict[str, Any]:
    span = issue.span
    return {
        "path": span.path,
        "line": span.line,
        "column": span.column,
        "message": issue.message,
    }


def _findings(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """The findings in the public form, which only a whole file has."""
    file = FileReport(path="", format="", pipelines=(), findings=findings)
    return [dict(each) for each in file_v1(file)["findings"]]


#: Who answers which error on the API's paths.
HANDLERS: Final[dict[type[Exception], Callable[[Request, Exception], Response]]] = {
    DomainError: _domain,
    RequestValidationError: _validation,
    HTTPException: _http,
    Exception: _unexpected,
}
