"""What is kept, for how long, and what may go: artifacts, logs, copies and leftovers. Pure.

Records are another matter: releases, events and decisions are never removed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol


class Kind(StrEnum):
    ARTIFACT = "artifact"
    LOG = "log"
    """Of a build or test, with what it answered."""
    COPY = "copy"
    """Of a repository that is elsewhere."""
    LEFTOVER = "leftover"
    """What a process that was killed left half done."""


#: Whatever is half done for longer belongs to nobody any more.
_HALF_DONE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """One thing that is kept at ``place``; ``at`` is when it was last written, size in bytes.

    ``digest`` is empty where it is no artifact.
    """

    kind: Kind
    place: str
    size: int
    at: datetime
    digest: str = ""


class Storage(Protocol):
    """Everything that is kept beside the database."""

    def listing(self, repositories: Collection[str]) -> Iterable[Stored]:
        """What may be removed some time: of copies only those of no named repository."""
        ...

    def remove(self, stored: Stored) -> bool:
        """Whether it is gone: it stays where it was written again since, or is in use."""
        ...


@dataclass(frozen=True, slots=True)
class Retention:
    """How long everything is kept, in days, and how many good artifacts of each pipeline besides.

    With 0 days nothing is ever removed. Both numbers are ours.
    """

    days: int = 90
    good: int = 5

    @property
    def lasts(self) -> timedelta:
        return timedelta(days=self.days)


def outdated(
    stored: Iterable[Stored], needed: Collection[str], now: datetime, retention: Retention
) -> list[Stored]:
    """What nobody needs any more; ``needed`` are the digests of artifacts that somebody does."""
    if not retention.days:
        return []
    return [
        each
        for each in stored
        if each.digest not in needed
        and now - each.at >= (_HALF_DONE if each.kind is Kind.LEFTOVER else retention.lasts)
    ]
