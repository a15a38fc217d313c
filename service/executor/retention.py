"""Removing what nobody needs any more; what goes is written down first.

A removal that is cut short is done by the next one: what still lies there is found again. Whoever
wants to use an artifact holds the lock of its pipeline, as does whoever decides that it goes.
"""

import logging
from collections.abc import Collection
from typing import Final

from sqlmodel import select

from service.errors import Conflict
from service.executor.ground import SYSTEM, Ground
from service.promotions.retention import Retention, Stored, outdated
from service.store.retained import mark_removed, needed, pipelines_of
from service.store.tables import PipelineRow, ReleaseRow

_log: Final = logging.getLogger(__name__)

#: How often it is looked what may go, in seconds.
EVERY_S: Final = 3600.0


def tidy(ground: Ground, retention: Retention) -> None:
    """Remove what may go, as time asks for it."""
    prune(ground, retention, SYSTEM, dry=False)


def prune(ground: Ground, retention: Retention, actor: str, *, dry: bool) -> tuple[Stored, ...]:
    """Remove what nobody needs any more; gives what went, or with ``dry`` would have gone.

    Who let artifacts of releases go stands in the log of their pipelines; all that went is said in
    the log of the process. Raises Unavailable where a shared store does not answer.
    """
    storage = ground.ports.storage
    if storage is None or not retention.days:
        return ()
    with ground.engines.reading() as session:
        now = ground.ports.clock.within(session)
        repositories = set(session.exec(select(PipelineRow.repository)))
        stay = needed(session, now, retention)
    going = outdated(storage.listing(repositories), stay, now, retention)
    if dry:
        return tuple(going)
    agreed = _marked(ground, {each.digest for each in going} - {""}, retention, actor)
    may_go = (each for each in going if not each.digest or each.digest in agreed)
    gone = tuple(each for each in may_go if storage.remove(each))
    if gone:
        told = len(gone), sum(each.size for each in gone), actor
        _log.warning("%d files, %d bytes: removed by %s", *told)
    return gone


def _marked(ground: Ground, digests: Collection[str], retention: Retention, actor: str) -> set[str]:
    """Write down that artifacts go; gives those that are still not needed under the locks."""
    if not digests:
        return set()
    with ground.engines.transaction() as session:
        turns = list(ground.turns(session, pipelines_of(session, digests), actor))
        now = ground.ports.clock.within(session)
        agreed = set(digests) - needed(session, now, retention)
        gone = mark_removed(session, agreed, now)
        for turn in turns:
            if removed := gone.get(turn.pipeline.name):
                turn.log("artifact.removed", digests=removed)
    return agreed


def require_artifact(release: ReleaseRow) -> None:
    """Raise Conflict where the release's artifact was removed."""
    if release.removed_at:
        raise Conflict(
            f"the artifact of {release.id} was removed on {release.removed_at:%Y-%m-%d}, as nothing"
            f" needed it; release its commit anew: bakegate release submit {release.pipeline} "
            f"{release.commit}"
        )
