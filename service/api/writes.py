"""Endpoints that change something; each is one call of the backend, in the name of an actor."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from policies.formats import read_pipelines
from service.api.errors import PROBLEMS
from service.api.examples import GATE_ANSWER
from service.api.given import GivenActor, GivenBackend
from service.api.schemas import (
    Created,
    GateRequest,
    NewRelease,
    Organization,
    PipelineFile,
    Registered,
    Transition,
)
from service.errors import Conflict

router = APIRouter(responses=PROBLEMS)


@router.post("/v1/gate", tags=["gate"], responses=GATE_ANSWER)
def gate(asked: GateRequest, backend: GivenBackend, actor: GivenActor) -> dict[str, Any]:
    """May this release enter this stage? The answer is a `bakegate.gate/v1` message."""
    return backend.gate(
        asked.pipeline,
        asked.release or "",
        asked.stage,
        dry_run=asked.dry_run,
        at=asked.at,
        record=asked.record,
        actor=actor,
        assume=asked.assume,
    )


@router.post("/v1/releases", tags=["releases"], status_code=201)
def submit(
    new: NewRelease, response: Response, backend: GivenBackend, actor: GivenActor
) -> Created:
    """Make a release of a commit; it starts to build as soon as the first stage is free."""
    said = {"kind": new.kind, "reason": new.reason, "incident": new.incident}
    artifact = new.artifact or ""
    name = backend.submit(new.pipeline, new.commit, actor, artifact=artifact, **said)
    response.headers["Location"] = f"/v1/releases/{name}"
    return Created(id=name)


@router.put("/v1/organization", tags=["organization"], status_code=204)
def organization(files: Organization, backend: GivenBackend, actor: GivenActor) -> None:
    """Replace the organization's file and its rulesets; every gate that waits is asked again."""
    backend.register_organization(files.files, actor)


@router.put("/v1/pipelines/{name}", tags=["pipelines"])
def register(name: str, file: PipelineFile, backend: GivenBackend, actor: GivenActor) -> Registered:
    """Take over a pipeline file; one with findings at `block` is refused with all findings."""
    named = [each.name for each in read_pipelines(file.text.encode(), file.path).pipelines]
    if named and named != [name]:
        raise Conflict(f"{file.path} is of {', '.join(named)}, not of {name}")
    return Registered(name=backend.register_pipeline(file.text, file.path, file.repository, actor))


@router.post("/v1/pipelines/{name}/stages/{stage}/transition", tags=["pipelines"], status_code=204)
def transition(
    name: str,
    stage: str,
    to: Annotated[Transition, Body()],
    backend: GivenBackend,
    actor: GivenActor,
) -> None:
    """Switch the transition before a stage; automatic needs a reason."""
    backend.switch_transition(name, stage, to.mode, to.reason, actor)
