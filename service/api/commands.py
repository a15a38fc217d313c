"""What people ask of releases and pipelines; each endpoint is one command of the backend."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.command_schemas import (
    Because,
    Lines,
    Made,
    NewApproval,
    NewOverride,
    NewPause,
    NewProblem,
    NewRetry,
    NewRollback,
    NewSkip,
    NewTick,
)
from service.api.errors import PROBLEMS
from service.api.given import GivenActor, GivenBackend
from service.promotions.commands import (
    Abort,
    Approve,
    ClearProblem,
    Override,
    Pause,
    ReportProblem,
    Resume,
    Retry,
    RollBack,
    Skip,
    Tick,
    Word,
)

router = APIRouter(responses=PROBLEMS)


@router.get("/v1/releases", tags=["releases"])
def releases(
    backend: GivenBackend,
    pipeline: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> Lines:
    """The newest releases, of one pipeline or of all, with the stages that each has reached."""
    return Lines.model_validate({"releases": list(backend.releases(pipeline, limit))})


@router.post("/v1/releases/{name}/approvals", tags=["releases"], status_code=201)
def approve(name: str, said: NewApproval, backend: GivenBackend, actor: GivenActor) -> Made:
    """Approve or reject the artifact for a stage; it is void when the release is superseded."""
    command = Approve(name, said.stage, Word(said.decision), said.reason)
    return Made(id=backend.carry_out(command, actor))


@router.post("/v1/releases/{name}/checklist", tags=["releases"], status_code=204)
def tick(name: str, done: NewTick, backend: GivenBackend, actor: GivenActor) -> None:
    """Tick a manual step of a stage; with the last one the gate is asked again."""
    backend.carry_out(Tick(name, done.stage, done.item), actor)


@router.post("/v1/releases/{name}/overrides", tags=["releases"], status_code=201)
def override(name: str, given: NewOverride, backend: GivenBackend, actor: GivenActor) -> Made:
    """Let the release pass one rule at one stage for some hours."""
    return Made(id=backend.carry_out(Override(release=name, **given.model_dump()), actor))


@router.post("/v1/releases/{name}/rollback", tags=["releases"], status_code=204)
def roll_back(name: str, wanted: NewRollback, backend: GivenBackend, actor: GivenActor) -> None:
    """Restore the last good artifact; nothing holds the way back."""
    backend.carry_out(RollBack(name, wanted.reason, wanted.stage), actor)


@router.post("/v1/releases/{name}/abort", tags=["releases"], status_code=204)
def abort(name: str, why: Because, backend: GivenBackend, actor: GivenActor) -> None:
    """End a release: what waits or builds stops, what is deployed goes back."""
    backend.carry_out(Abort(name, why.reason), actor)


@router.post("/v1/releases/{name}/retry", tags=["releases"], status_code=204)
def retry(name: str, wanted: NewRetry, backend: GivenBackend, actor: GivenActor) -> None:
    """Let a release that ended badly in a stage try that stage again."""
    backend.carry_out(Retry(name, wanted.stage, wanted.reason), actor)


@router.post("/v1/releases/{name}/skip", tags=["releases"], status_code=201)
def skip(name: str, wanted: NewSkip, backend: GivenBackend, actor: GivenActor) -> Made:
    """Go on to a stage before what it needs; its gate asks for everything all the same."""
    return Made(id=backend.carry_out(Skip(release=name, **wanted.model_dump()), actor))


@router.post("/v1/releases/{name}/problems", tags=["releases"], status_code=201)
def report_problem(name: str, told: NewProblem, backend: GivenBackend, actor: GivenActor) -> Made:
    """Report a problem: the release's bakes halt until somebody clears it or rolls back."""
    return Made(id=backend.carry_out(ReportProblem(name, told.text), actor))


@router.post("/v1/problems/{name}/clear", tags=["releases"], status_code=204)
def clear_problem(name: str, why: Because, backend: GivenBackend, actor: GivenActor) -> None:
    """Say by name that a problem is none any more; the bakes go on."""
    backend.carry_out(ClearProblem(name, why.reason), actor)


@router.post("/v1/pauses", tags=["pauses"], status_code=201)
def pause(wanted: NewPause, backend: GivenBackend, actor: GivenActor) -> Made:
    """Let nothing enter a stage, a pipeline or a node; what acts goes on to its own end."""
    return Made(id=backend.carry_out(Pause(**wanted.model_dump()), actor))


@router.post("/v1/pauses/{name}/end", tags=["pauses"], status_code=204)
def resume(name: str, backend: GivenBackend, actor: GivenActor) -> None:
    """End a pause; every gate that it held is asked again."""
    backend.carry_out(Resume(name), actor)
