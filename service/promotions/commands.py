"""What a person asks of promotions: one frozen command each, carried out in one transaction.

Who asks is handed in beside the command. Whatever does not fit to what is so raises Conflict.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: How long an approval holds: whoever gave it looked at what was known then.
APPROVED_FOR: Final = timedelta(days=7)
#: What stands in the place of a rule where the order of the stages is overridden.
ORDER: Final = "stage-order"
#: The longest that an override may hold, in hours; a ruleset may allow less.
LONGEST_OVERRIDE_H: Final = 24


class Word(StrEnum):
    """What somebody says about a release that wants to enter a stage."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Approve:
    """Say yes or no to one artifact entering one stage."""

    release: str
    stage: str
    word: Word = Word.APPROVED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Say that a manual step of a stage's checklist is done for a release."""

    release: str
    stage: str
    item: str


@dataclass(frozen=True, slots=True)
class Override:
    """Let one release pass one rule at one stage for some hours.

    ``digest`` may name the artifact that is meant, and must then be the release's own.
    """

    release: str
    stage: str
    rule: str
    reason: str
    hours: int
    digest: str = ""
    incident: str = ""
    """What the release mends, where that is why it may pass."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Let a release go on to a stage before those that the stage needs have been passed.

    It is an override of the order, for some hours; every other gate of the stage is asked.
    """

    release: str
    stage: str
    reason: str
    hours: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let nothing enter: one stage of a pipeline, a whole pipeline, or a node of the organization.

    Exactly one of ``pipeline`` and ``organization`` is named. ``until`` is exclusive. A pin names
    the one ``release`` that may enter its stage all the same.
    """

    reason: str
    pipeline: str = ""
    stage: str = ""
    organization: str = ""
    until: datetime | None = None
    release: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause before its time."""

    pause: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Restore the last good artifact: in one stage, or wherever the release's artifact runs."""

    release: str
    reason: str
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Abort:
    """End a release: what waits or builds stops, what is deployed goes back."""

    release: str
    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Let a release that ended badly in a stage try that stage again."""

    release: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportProblem:
    """Say that something is wrong with a release; its bake halts and it enters nothing."""

    release: str
    text: str


@dataclass(frozen=True, slots=True)
class ClearProblem:
    problem: str
    reason: str


Command = (
    Approve
    | Tick
    | Override
    | Skip
    | Pause
    | Resume
    | RollBack
    | Abort
    | Retry
    | ReportProblem
    | ClearProblem
)
