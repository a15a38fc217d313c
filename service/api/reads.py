"""Endpoints that only look. Plain functions: the framework runs them in its pool of threads."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from service.api.errors import PROBLEMS
from service.api.given import GivenBackend
from service.api.paging import After, Limit, behind
from service.api.report_schemas import Announcements, Compliance
from service.api.schemas import Decision, Pipeline, Release
from service.api.summary_schemas import Summaries
from service.promotions.views import PAGE

router = APIRouter(responses=PROBLEMS)


@router.get("/v1/pipelines", tags=["pipelines"])
def pipelines(
    backend: GivenBackend,
    after: Annotated[str, Query(description="The name behind which the page begins.")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
) -> Summaries:
    """Pipelines by name, a page at a time, and what each needs."""
    rows = backend.pipelines(after, limit)
    more = rows[-1].name if len(rows) == limit else None
    return Summaries.model_validate({"pipelines": list(rows), "next": more})


@router.get("/v1/pipelines/{name}", tags=["pipelines"])
def pipeline(name: str, backend: GivenBackend) -> Pipeline:
    """One pipeline: its stages in order, who is in them and who waits."""
    return Pipeline.model_validate(backend.pipeline(name))


@router.get("/v1/releases/{name}", tags=["releases"])
def release(name: str, backend: GivenBackend) -> Release:
    """One release with its changes, evidence, runs, decisions and events."""
    return Release.model_validate(backend.release(name))


@router.get("/v1/decisions/{name}", tags=["gate"])
def decision(name: str, backend: GivenBackend) -> Decision:
    """One stored decision with the whole answer of the gate."""
    return Decision.model_validate(backend.decision(name))


@router.get("/v1/organization/rules", tags=["organization"])
def effective(
    backend: GivenBackend, node: str, rule: str | None = None, at: AwareDatetime | None = None
) -> dict[str, Any]:
    """What holds for a node at a moment: every value, who set it, who locked it, what comes."""
    return backend.effective(node, rule, at)


@router.get("/v1/reports/compliance", tags=["reports"])
def compliance(
    backend: GivenBackend, node: str | None = None, after: After = "", limit: Limit = None
) -> Compliance:
    """Results by rule and pipeline, of one node's subtree or of the whole organization."""
    rows = backend.compliance(node, after, limit)
    return Compliance(rows=rows, next=behind([each["rule"] for each in rows], limit))


@router.get("/v1/reports/announcements", tags=["reports"])
def announcements(
    backend: GivenBackend, rule: str | None = None, after: After = "", limit: Limit = None
) -> Announcements:
    """Which team was told of which scheduled rule and when, the newest first."""
    found = backend.told(rule, after, limit)
    more = behind([each.place for each in found], limit)
    return Announcements.model_validate({"announcements": list(found), "next": more})


@router.get("/healthz", tags=["health"])
def alive() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "ok"}


@router.get("/readyz", tags=["health"], response_model=dict[str, str])
def ready(backend: GivenBackend) -> Response:
    """Whether store and executor work: 200, or 503 with the reason."""
    why = backend.ready()
    body: dict[str, Any] = {"status": "not ready", "reason": why} if why else {"status": "ok"}
    return JSONResponse(body, 503 if why else 200)
