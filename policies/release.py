"""The release record: what is known about one release when a gate is asked.

The shape follows ``bakegate.release/v1``. Everything here was observed, so every part carries when
and by whom; a part that nobody reported is ``None``, which rules read as unknown, never as absent.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ReleaseKind(StrEnum):
    """Which gates a release meets depends on its kind (``policies/release_kinds.yaml``)."""

    NORMAL = "normal"
    ROLLBACK = "rollback"
    EMERGENCY = "emergency"
    CONFIG = "config"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Component:
    purl: str
    transitive: bool = False


@dataclass(frozen=True, slots=True)
class Sbom:
    """What is inside the artifact; ``format`` is ``cyclonedx`` or ``spdx``."""

    format: str
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is promoted; ``digest`` is ``sha256:`` and 64 hex digits, ``commit`` a full hash."""

    digest: str
    commit: str
    repository: str = ""
    built_at: datetime | None = None
    builder: str = ""
    sbom: Sbom | None = None


@dataclass(frozen=True, slots=True)
class Change:
    commit: str
    author: str
    subject: str
    authored_at: datetime
    merged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One suite that ran on this artifact (or, for build kinds, on its commit)."""

    kind: str
    stage: str
    digest: str
    commit: str
    result: str
    ended_at: datetime
    executed: int | None = None
    failed: int | None = None
    retries: int = 0
    soft_failed: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class DataPoints:
    """Answers of the new version since the stage was fully deployed, by customers and probes."""

    positive: int
    negative: int
    observed_at: datetime
    per_operation: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class StageRun:
    """What happened to this release in one stage. ``baked_s`` counts only seconds with data."""

    stage: str
    state: str
    targets: tuple[str, ...] = ()
    started_at: datetime | None = None
    deployed_at: datetime | None = None
    baked_s: float | None = None
    bake_observed_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    exposure: float | None = None
    data_points: DataPoints | None = None
    rolled_back_at: datetime | None = None
    rolled_back_auto: bool = False
    rolled_back_to: str = ""


@dataclass(frozen=True, slots=True)
class AlarmState:
    """An alarm as last reported. ``state`` is ``ok``, ``alarm`` or ``unknown``."""

    name: str
    scope: str
    state: str
    since: datetime
    observed_at: datetime
    severity: str = "high"
    target: str = ""
    had_data_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """One release, one rule, one stage, until an hour; void for another digest."""

    id: str
    rule: str
    stage: str
    digest: str
    by: str
    reason: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    stage: str
    digest: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Context:
    """What was seen around the release at the instant of the decision."""

    alarms: tuple[AlarmState, ...] | None = None
    running: tuple[tuple[str, str], ...] = ()
    """Digest that runs in each stage, as pairs of stage and digest."""
    rolled_back: tuple[str, ...] = ()
    """Digests that were rolled back in this pipeline."""
    ancestors: tuple[tuple[str, bool], ...] = ()
    """Whether a commit is an ancestor of the artifact's, for each commit that somebody asked
    about."""


@dataclass(frozen=True, slots=True)
class Release:
    """One artifact on its way, as ``<pipeline>:<number>``."""

    id: str
    pipeline: str
    kind: ReleaseKind
    created_at: datetime
    created_by: str
    artifact: Artifact
    base: str = ""
    changes: tuple[Change, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    stages: tuple[StageRun, ...] = ()
    approvals: tuple[Approval, ...] = ()
    overrides: tuple[Override, ...] = ()
    context: Context = field(default_factory=Context)

    def stage(self, name: str) -> StageRun | None:
        return next((run for run in self.stages if run.stage == name), None)
