"""What is new in a release, who looked at it, and whether old and new fit together."""

from datetime import datetime
from enum import StrEnum

from policies.frozen import dataclass


class ChangeClass(StrEnum):
    """How a change of stored or exchanged data fits with the version before it."""

    NONE = "none"
    ADDITIVE = "additive"
    PREPARE = "prepare"
    ACTIVATE = "activate"
    CLEANUP = "cleanup"
    ONE_WAY = "one_way"


@dataclass(frozen=True, slots=True)
class Review:
    """One person's consent to one change."""

    by: str
    at: datetime | None = None
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One commit. ``files_class`` says what it touches: ``code``, ``schema``, ``docs`` ...

    None in place of reviewers, labels or classes says that nobody reported them.
    """

    commit: str
    author: str
    subject: str
    authored_at: datetime
    merged_at: datetime | None = None
    pushed_by: str = ""
    pushed_at: datetime | None = None
    """The last push before the merge; a consent given before it is to something else."""
    merged_by: str = ""
    pr: str = ""
    reviewers: tuple[Review, ...] | None = None
    labels: tuple[str, ...] | None = None
    files_class: tuple[str, ...] | None = None
    bot: bool = False
    """Whether a program wrote it."""
    merge: bool = False
    """Whether it only joins two lines and changes nothing itself."""


@dataclass(frozen=True, slots=True)
class Compat:
    """What the authors declare about data and protocols."""

    change_class: ChangeClass
    prepares_release: str = ""
    """The release that this one builds on: of an activation its preparation, of a clean-up its
    activation."""
    downgrade_from: str = ""
    downgrade_to: str = ""
    """The pair of digests for which going back was tested."""
