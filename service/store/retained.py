"""Which artifacts somebody still needs, and that of which releases one was removed."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select, update

from service.promotions.blocklist import IN_FORCE, State
from service.promotions.retention import Retention
from service.store.blocklist import rows
from service.store.people_tables import ProblemRow
from service.store.tables import ReleaseRow, StageRow

#: So many digests are asked for at once: databases bound the values of one statement.
_MOST: Final = 500


def needed(session: Session, now: datetime, retention: Retention) -> set[str]:
    """Digests of artifacts that must stay.

    Those are what runs or can be gone back to, what is on its way or has just ended, the last good
    ones of each pipeline, and what people have not settled: open problems and the blocklist.
    """
    digests: set[str] = set()
    for stage in session.exec(select(StageRow)):
        digests |= {stage.good, stage.before, *stage.running.values()}
    disputed = select(ProblemRow.release).where(col(ProblemRow.cleared_at).is_(None))
    since = now - retention.lasts
    asked = select(ReleaseRow.digest).where(
        or_(
            ReleaseRow.outcome == "",
            col(ReleaseRow.ended_at) >= since,
            col(ReleaseRow.id).in_(disputed),
        )
    )
    digests |= {*session.exec(asked), *_last_good(session, retention.good)}
    blocked = (each.entry for each in rows(session) if State(each.state) in IN_FORCE)
    digests |= {str(each.get("digest") or "") for each in blocked}
    return digests - {""}


def pipelines_of(session: Session, digests: Iterable[str]) -> set[str]:
    """The pipelines that have released one of them."""
    names: set[str] = set()
    for some in _batches(digests):
        asked = select(ReleaseRow.pipeline).where(col(ReleaseRow.digest).in_(some)).distinct()
        names |= set(session.exec(asked))
    return names


def mark_removed(session: Session, digests: Iterable[str], now: datetime) -> dict[str, list[str]]:
    """Write down that the artifacts of releases go, before they do; gives them by pipeline."""
    gone: defaultdict[str, list[str]] = defaultdict(list)
    for some in _batches(digests):
        there = col(ReleaseRow.digest).in_(some), col(ReleaseRow.removed_at).is_(None)
        asked = select(ReleaseRow.pipeline, ReleaseRow.digest).where(*there).distinct()
        for pipeline, digest in session.exec(asked.order_by(col(ReleaseRow.digest))):
            gone[pipeline].append(digest)
        session.exec(update(ReleaseRow).where(*there).values(removed_at=now))
    return gone


def mark_kept(session: Session, digest: str) -> None:
    """Write down that an artifact was put there again."""
    again = update(ReleaseRow).where(col(ReleaseRow.digest) == digest)
    session.exec(again.where(col(ReleaseRow.removed_at).is_not(None)).values(removed_at=None))


def _last_good(session: Session, count: int) -> Iterable[str]:
    """Digests that ended well last, so many of each pipeline; a digest counts once."""
    newest = (
        select(
            col(ReleaseRow.digest).label("digest"),
            sa.func.row_number()
            .over(
                partition_by=col(ReleaseRow.pipeline),
                order_by=sa.func.max(col(ReleaseRow.number)).desc(),
            )
            .label("place"),
        )
        .where(ReleaseRow.outcome == "succeeded", ReleaseRow.digest != "")
        .group_by(col(ReleaseRow.pipeline), col(ReleaseRow.digest))
        .subquery()
    )
    return session.exec(select(newest.c.digest).where(newest.c.place <= count))


def _batches(digests: Iterable[str]) -> Iterable[Collection[str]]:
    listed = sorted(digests)
    return (listed[start : start + _MOST] for start in range(0, len(listed), _MOST))
