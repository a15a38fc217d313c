"""What leaders look at: pipelines of a node with what lint says of them, and how releases fared."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule says of one pipeline; ``level`` is its level there."""

    rule: str
    result: str
    level: str
    message: str = ""
    line: int = 0
    since: datetime | None = None
    """When the level was activated, where the log tells it."""


@dataclass(frozen=True, slots=True)
class Member:
    """One pipeline. ``automation`` is its level from 0 to 5 as its switches stand."""

    name: str
    organization: str
    team: str
    tier: int | None
    automation: int
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class Practice:
    """One rule at the node: its level, and the next one with its day, where it is announced."""

    rule: str
    severity: str
    level: str
    next_level: str = ""
    next_day: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """From when on lint said a result of a pipeline, exceptions aside."""

    rule: str
    pipeline: str
    at: datetime
    result: str


@dataclass(frozen=True, slots=True)
class Passage:
    """One release from check-in to all customers: ``parts`` by class of time sum up to whole."""

    pipeline: str
    release: str
    at: datetime
    whole: timedelta
    parts: Mapping[str, timedelta]


@dataclass(frozen=True, slots=True)
class Overview:
    """One node. ``children`` are nodes below it with pipelines, ``ended`` counts outcomes.

    ``changes`` are of the rules that are announced at a stricter level, oldest first.
    """

    node: str
    now: datetime
    children: tuple[str, ...]
    members: tuple[Member, ...]
    practices: tuple[Practice, ...]
    passages: tuple[Passage, ...]
    ended: Mapping[str, int]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Following:
    """One rule below a node: the pipelines that it was applied to, with its result alone.

    ``practice`` is None where the rule is not on at the node; ``changes`` as in an overview.
    """

    node: str
    now: datetime
    members: tuple[Member, ...]
    practice: Practice | None = None
    changes: tuple[Change, ...] = ()
