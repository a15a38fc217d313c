"""Exemptions and opt-outs: asked for, decided, taken back, and listed with what they are about."""

from fastapi import APIRouter, Response

from policies.exceptions import Subject
from service.api.errors import PROBLEMS
from service.api.exception_schemas import Exceptions, NewException, OneException, Why
from service.api.given import GivenActor, GivenBackend
from service.api.paging import After, Limit, behind
from service.api.schemas import Created
from service.promotions.exceptions import Filter, State, Verb, Wanted

router = APIRouter(responses=PROBLEMS, tags=["exceptions"])


@router.get("/v1/exceptions")
def exceptions(  # noqa: PLR0917 - the framework fills them by name
    backend: GivenBackend,
    pipeline: str | None = None,
    node: str | None = None,
    rule: str | None = None,
    state: State | None = None,
    after: After = "",
    limit: Limit = None,
) -> Exceptions:
    """Exemptions and opt-outs of files under review and of the service, whatever became of them."""
    found = backend.exceptions(Filter(pipeline, node, rule, state), after, limit)
    more = behind([each.place for each in found], limit)
    return Exceptions.model_validate({"exceptions": list(found), "next": more})


@router.get("/v1/exceptions/{name}")
def exception(name: str, backend: GivenBackend) -> OneException:
    """One exemption or opt-out: who asked, who may decide or has, and whether it is needed."""
    return OneException.model_validate(backend.exception(name))


@router.post("/v1/exceptions", status_code=201)
def request(
    new: NewException, response: Response, backend: GivenBackend, actor: GivenActor
) -> Created:
    """Ask for one; it counts when somebody up the tree has approved it."""
    asked = new.model_dump(exclude={"kind"})
    name = backend.request_exception(Wanted(kind=Subject(new.kind), **asked), actor)
    response.headers["Location"] = f"/v1/exceptions/{name}"
    return Created(id=name)


@router.post("/v1/exceptions/{name}/{verb}", status_code=204)
def decide(name: str, verb: Verb, why: Why, backend: GivenBackend, actor: GivenActor) -> None:
    """Approve, deny or revoke; denying and revoking need a reason. Gates are asked again."""
    backend.decide_exception(name, verb, why.reason, actor)
