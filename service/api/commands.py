"""What people ask of releases and pipelines; each endpoint is one command of the backend."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.command_schemas import (
    Lines,
    Made,
    NewApproval,
    NewOverride,
    NewPause,
    NewTick,
)
from service.api.errors import PROBLEMS
from service.api.given import GivenActor, GivenBackend
from service.promotions.commands import Approve, Override, Pause, Resume, Tick, Word

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


@router.post("/v1/pauses", tags=["pauses"], status_code=201)
def pause(wanted: NewPause, backend: GivenBackend, actor: GivenActor) -> Made:
    """Let nothing enter a stage, a pipeline or a node; what acts goes on to its own end."""
    return Made(id=backend.carry_out(Pause(**wanted.model_dump()), actor))


@router.post("/v1/pauses/{name}/end", tags=["pauses"], status_code=204)
def resume(name: str, backend: GivenBackend, actor: GivenActor) -> None:
    """End a pause; every gate that it held is asked again."""
    backend.carry_out(Resume(name), actor)
