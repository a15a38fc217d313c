"""What the service keeps beside its database."""

from fastapi import APIRouter

from service.api.errors import PROBLEMS
from service.api.given import GivenActor, GivenBackend
from service.api.store_schemas import Prune, Pruned, pruned

router = APIRouter(responses=PROBLEMS, tags=["store"])


@router.post("/v1/store/prune")
def prune(wanted: Prune, backend: GivenBackend, actor: GivenActor) -> Pruned:
    """Remove what nothing needs any more, at once instead of within the hour."""
    return pruned(backend.prune(actor, dry=wanted.dry_run), dry_run=wanted.dry_run)
