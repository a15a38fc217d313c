"""The blocklist: added to, confirmed by a second person, removed from, and listed."""

from fastapi import APIRouter

from policies.rule import BlocklistEntry
from service.api.blocklist_schemas import Blocklist, Change, NewBlocklistEntry, Removal
from service.api.errors import PROBLEMS
from service.api.given import GivenActor, GivenBackend
from service.api.paging import After, Limit, behind

router = APIRouter(responses=PROBLEMS, tags=["blocklist"])


@router.get("/v1/blocklist")
def blocklist(backend: GivenBackend, after: After = "", limit: Limit = None) -> Blocklist:
    """Every entry that there is or was, of files under review and of the service."""
    found = backend.blocklist(after, limit)
    more = behind([each.place for each in found], limit)
    return Blocklist.model_validate({"entries": list(found), "next": more})


@router.post("/v1/blocklist", status_code=201)
def add(entry: NewBlocklistEntry, backend: GivenBackend, actor: GivenActor) -> Change:
    """Block something: what is on its way is decided at once, where it runs is listed."""
    added = backend.add_blocklist(BlocklistEntry(**entry.model_dump()), actor)
    return Change.model_validate(added)


@router.post("/v1/blocklist/{name}/confirm")
def confirm(name: str, backend: GivenBackend, actor: GivenActor) -> Change:
    """Agree, as a second person, with an entry that was proposed or is to be removed."""
    return Change.model_validate(backend.confirm_blocklist(name, actor))


@router.post("/v1/blocklist/{name}/remove")
def remove(name: str, why: Removal, backend: GivenBackend, actor: GivenActor) -> Change:
    """Take an entry off the list; every gate that waits is asked again."""
    return Change.model_validate(backend.remove_blocklist(name, why.reason, actor))
