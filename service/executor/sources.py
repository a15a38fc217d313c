"""Where commits come from by themselves: pushes that a forge tells, and a poll of repositories."""

import logging
from typing import Final

from sqlmodel import col, select

from policies.pipeline import Origin
from service.errors import DomainError
from service.executor.definitions import definition
from service.executor.ground import Ground
from service.executor.submitting import Start, submit
from service.executor.turn import found
from service.promotions.ports import Unreadable
from service.promotions.pushes import Push, Taken
from service.store.tables import Blob, PipelineRow, ReleaseRow, SourceRow

_log: Final = logging.getLogger(__name__)

#: How often each repository is asked, in seconds.
EVERY_S: Final = 60.0
#: What a file says that is to be polled, and who starts what a poll found.
_POLL: Final = "poll"


def take_push(ground: Ground, pipeline: str, push: Push) -> Taken:
    """Start a release of the pushed commit; a repeated message gives the same release."""
    _, origin = _source(ground, pipeline)
    if "manual" in (origin.start.or_else(None) or ()):
        return Taken(ignored=f"releases of {pipeline} are started by hand")
    branches = origin.branches.or_else(None) or ()
    if push.branch not in branches:
        return Taken(ignored=f"{pipeline} releases {', '.join(branches)}, not {push.branch}")
    start = Start(push.commit, told=True, delivery=push.delivery)
    return Taken(submit(ground, pipeline, start, push.by))


def poll(ground: Ground) -> tuple[str, ...]:
    """Ask every repository that is to be polled once; gives the releases that this started.

    One that cannot be read is told and asked again: it must not keep others waiting.
    """
    started: list[str] = []
    for pipeline in sorted({*_polled(ground), *_troubled(ground)}):
        trouble = ""
        try:
            started += _poll(ground, pipeline)
        except (Unreadable, DomainError) as error:
            trouble = str(error)
            _log.warning("%s: %s; asked again in a minute", pipeline, error)
        _remember(ground, pipeline, trouble)
    return tuple(started)


def _remember(ground: Ground, pipeline: str, trouble: str) -> None:
    """Keep since when a repository cannot be read, for everybody who wonders where releases are."""
    with ground.engines.reading() as session:
        row = session.get(SourceRow, pipeline)
        if (row.error if row else "") == trouble:
            return
    with ground.turn(pipeline) as turn:
        row = turn.session.get(SourceRow, pipeline)
        if row and not trouble:
            turn.session.delete(row)
        elif trouble:
            row = row or SourceRow(pipeline=pipeline, error="", failed_at=turn.now)
            row.error = trouble
            turn.session.add(row)


def _polled(ground: Ground) -> list[str]:
    """Pipelines whose file has the word: to read all files every minute would cost too much."""
    with ground.engines.reading() as session:
        asked = (
            select(PipelineRow.name)
            .join(Blob, col(Blob.digest) == PipelineRow.definition)
            .where(col(Blob.text).contains(_POLL))
        )
        return list(session.exec(asked))


def _troubled(ground: Ground) -> list[str]:
    """Pipelines of which something is told that is over where their file no longer has the word."""
    with ground.engines.reading() as session:
        return list(session.exec(select(SourceRow.pipeline)))


def _poll(ground: Ground, pipeline: str) -> list[str]:
    repository, origin = _source(ground, pipeline)
    if _POLL not in (origin.start.or_else(None) or ()):
        return []
    heads = [
        ground.ports.repository.head(repository, name)
        for name in origin.branches.or_else(None) or ()
    ]
    fresh = [each for each in heads if not _released(ground, pipeline, each)]
    return [submit(ground, pipeline, Start(each, told=True), _POLL) for each in fresh]


def _released(ground: Ground, pipeline: str, commit: str) -> bool:
    with ground.engines.reading() as session:
        asked = select(ReleaseRow.id).where(
            ReleaseRow.pipeline == pipeline, ReleaseRow.commit == commit
        )
        return session.exec(asked.order_by(col(ReleaseRow.number)).limit(1)).first() is not None


def _source(ground: Ground, pipeline: str) -> tuple[str, Origin]:
    with ground.engines.reading() as session:
        row = found(session.get(PipelineRow, pipeline), "pipeline", pipeline)
        kept = definition(session, row.definition, row.path, row.name)
        return row.repository, kept.origin
