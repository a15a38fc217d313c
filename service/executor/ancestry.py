"""Which commits contain which: asked of git outside of any transaction, kept for ever.

A gate decides under the pipeline's lock and must not wait for git. So whoever adds an entry, and
whoever starts a release, asks beforehand and looks again afterwards: one of the two always sees
the other. What could not be asked stays unknown, which a gate never reads as "not in it".
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, or_, select

from policies.rule import BlocklistEntry
from service.executor.definitions import organization
from service.executor.ground import Ground
from service.promotions.ports import UnknownCommit, Unreadable
from service.store.blocklist import ancestors, entry, rows
from service.store.snapshot import Snapshot
from service.store.tables import (
    AncestryRow,
    OrganizationRow,
    PipelineRow,
    ReleaseRow,
    StageRow,
)

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """Whether ``commit`` contains ``ancestor``."""

    pipeline: str
    repository: str
    ancestor: str
    commit: str


def learn(ground: Ground, more: Iterable[BlocklistEntry] = ()) -> tuple[str, ...]:
    """Ask what entries about commits need to know; gives the pipelines that learned something.

    ``more`` are entries that are about to be added.
    """
    with ground.engines.reading() as session:
        open_questions = sorted(set(_questions(session, (*_listed(session), *more))))
    answers = [(each, _asked(ground, each)) for each in open_questions]
    known = [(each, answer) for each, answer in answers if answer is not None]
    if known:
        with ground.engines.transaction() as session:
            for each, answer in known:
                session.merge(_row(each, contained=answer))
    return tuple(sorted({each.pipeline for each, _ in known}))


def _listed(session: Session) -> Iterator[BlocklistEntry]:
    yield from map(entry, rows(session))
    if session.exec(select(OrganizationRow.id)).first() is not None:
        for found in organization(session).files.values():
            yield from found.blocklist


def _questions(session: Session, entries: Iterable[BlocklistEntry]) -> Iterator[Question]:
    named = [each for each in entries if each.bad_commit]
    if not named:
        return
    for row, release in _releases(session):
        known = dict(ancestors(Snapshot(session, ()), row.repository, release.commit))
        for each in named:
            mine = each.repository in {"", row.name, row.repository}
            for commit in filter(None, (each.bad_commit, each.fixed_by)):
                if mine and commit not in known:
                    yield Question(row.name, row.repository, commit, release.commit)


def _releases(session: Session) -> Iterator[tuple[PipelineRow, ReleaseRow]]:
    """Releases on their way, and those that run somewhere."""
    stages = session.exec(select(StageRow))
    running = {digest for each in stages for digest in each.running.values()}
    asked = (
        select(PipelineRow, ReleaseRow)
        .join(ReleaseRow, col(ReleaseRow.pipeline) == PipelineRow.name)
        .where(or_(ReleaseRow.outcome == "", col(ReleaseRow.digest).in_(running)))
    )
    yield from session.exec(asked)


def _asked(ground: Ground, each: Question) -> bool | None:
    """None where the repository cannot be asked now."""
    try:
        return ground.ports.repository.is_ancestor(each.repository, each.ancestor, each.commit)
    except UnknownCommit:
        # What a repository has never seen is in none of its commits.
        return False
    except Unreadable as error:
        _log.warning("the blocklist cannot be checked in %s: %s", each.repository, error)
        return None


def _row(each: Question, *, contained: bool) -> AncestryRow:
    return AncestryRow(
        repository=each.repository,
        ancestor=each.ancestor,
        commit=each.commit,
        contained=contained,
    )
