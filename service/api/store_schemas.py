"""What is removed beside the database; the command line says it in the same words."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas import Digest, Incoming, Instant, Outgoing
from service.promotions.retention import Kind, Stored


class Prune(Incoming):
    dry_run: bool = Field(default=False, description="Only say what would be removed.")


class Removed(Outgoing):
    """One thing that is gone, or would be; ``place`` is a path or an address of the store."""

    kind: Kind
    place: str
    digest: Digest | None
    bytes: int
    written_at: Instant


class Pruned(Outgoing):
    type: Annotated[Literal["bakegate.prune/v1"], Field(examples=["bakegate.prune/v1"])]
    dry_run: bool
    removed: list[Removed]


def pruned(gone: Iterable[Stored], *, dry_run: bool) -> Pruned:
    listed = [
        Removed(
            kind=each.kind,
            place=each.place,
            digest=each.digest or None,
            bytes=each.size,
            written_at=each.at,
        )
        for each in gone
    ]
    return Pruned(type="bakegate.prune/v1", dry_run=dry_run, removed=listed)
