"""One pipeline as every format is read into it; every leaf is a ``Fact``.

Structure (which stages exist, in which order) is plain; what a stage *says* is a fact with a place.
A reader that cannot know the stages at all (they are generated, or included from elsewhere) says so in
``Pipeline.complete``, so that no rule mistakes what it cannot see for something absent.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from policies.facts import Fact
from policies.findings import Span

if TYPE_CHECKING:
    from policies.windows import Window


class PipelineKind(StrEnum):
    APP = "app"
    INFRA = "infra"
    CONFIG = "config"
    OS = "os"
    TOOL = "tool"
    LIBRARY = "library"
    BATCH = "batch"
    MOBILE = "mobile"


class StageKind(StrEnum):
    BUILD = "build"
    TEST = "test"
    PREPROD = "preprod"
    PROD = "prod"


class StepKind(StrEnum):
    """What a step is. The classifier's order: overlay, typed construct, table, ``other``."""

    UNIT = "unit"
    LINT = "lint"
    COVERAGE = "coverage"
    COMPLEXITY = "complexity"
    SAST = "sast"
    SCA = "sca"
    SECRETS = "secrets"
    DAST = "dast"
    SECURITY = "security"
    SBOM = "sbom"
    SIGN = "sign"
    ATTEST = "attest"
    INTEGRATION = "integration"
    CONTRACT = "contract"
    BROWSER = "browser"
    LOAD = "load"
    FAULT = "fault"
    ROLLBACK_TEST = "rollback-test"
    SMOKE = "smoke"
    BUILD = "build"
    PUBLISH = "publish"
    DEPLOY = "deploy"
    APPROVAL = "approval"
    MANUAL_TEST = "manual-test"
    WAIT = "wait"
    NOTIFY = "notify"
    OTHER = "other"


class OnAlarm(StrEnum):
    ROLLBACK = "rollback"
    HALT = "halt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for the pipeline; ``ttr`` is the time that a repair usually takes."""

    team: Fact[str | None]
    oncall: Fact[str | None]
    channel: Fact[str | None]
    ttr: Fact[timedelta | None]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where releases come from; ``start`` is ``push``, ``poll``, ``schedule`` or ``manual``."""

    repository: Fact[str | None]
    branches: Fact[tuple[str, ...] | None]
    start: Fact[tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Step:
    """One command, action or test. ``soft`` names the construct that lets a failure pass."""

    name: Fact[str]
    kind: Fact[StepKind]
    run: Fact[str | None]
    uses: Fact[str | None]
    soft: Fact[str | None]
    timeout: Fact[timedelta | None]
    retries: int = 0
    reports: tuple[tuple[str, str], ...] = ()
    """Report kinds and their paths, for example ``("junit", "reports/unit.xml")``."""
    secrets: tuple[str, ...] = ()
    """Names of the secrets that the step may read."""


@dataclass(frozen=True, slots=True)
class Hooks:
    stop: Fact[str | None]
    start: Fact[str | None]
    validate: Fact[str | None]


@dataclass(frozen=True, slots=True)
class Deploy:
    """How a stage gets the artifact. ``hosts``, ``batch`` and ``min_healthy`` count hosts.

    ``rollback_on`` holds words among ``failure``, ``deadline`` and ``alarm``.
    ``checks`` are names of checks inside the engine that ask the new version something
    (readiness with a settle time, a validate hook, an analysis before traffic moves).
    """

    span: Span
    engine: Fact[str]
    hosts: Fact[int | None]
    batch: Fact[int | None]
    min_healthy: Fact[int | None]
    deadline: Fact[timedelta | None]
    rollback_on: Fact[frozenset[str] | None]
    rollback_alarms: Fact[tuple[str, ...] | None]
    checks: Fact[tuple[str, ...] | None]
    hooks: Hooks | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Bake:
    """How long and by what a stage is watched after its deployment."""

    span: Span
    time: Fact[timedelta | None]
    positive: Fact[int | None]
    negative: Fact[int | None]
    alarms: Fact[tuple[str, ...] | None]
    on_alarm: Fact[OnAlarm | None]


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    region: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One scripted request of a synthetic and what its answer must be."""

    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class Synthetic:
    name: str
    span: Span
    every: Fact[timedelta | None]
    requests: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Approvals:
    count: int
    roles: tuple[str, ...]
    forbid_author: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One place where a release stays for a while. ``span`` is the visible name.

    ``needs`` names the stages that it really depends on. ``exposure`` is a share (0.01 is 1 %).
    ``wave`` numbers audiences from 1; the first wave is the lowest number.
    """

    name: str
    span: Span
    kind: Fact[StageKind | None]
    needs: tuple[str, ...]
    steps: tuple[Step, ...]
    deploy: Deploy | None
    wave: Fact[int | None]
    exposure: Fact[float | None]
    bake: Bake | None
    bake_known: Fact[bool]
    """Whether the file could have said a bake: unknown where its format cannot."""
    transition: Fact[str | None]
    """``automatic`` or ``manual``."""
    approvals: Fact[Approvals | None]
    configuration: Fact[str | None]
    targets: tuple[Target, ...] = ()
    parallel: int = 1
    checklist: tuple[str, ...] = ()
    synthetics: tuple[Synthetic, ...] = ()
    synthetics_known: bool = True
    windows: "tuple[Window, ...]" = ()
    environment: str = ""
    rollback: str = ""
    """How far an automatic rollback reaches: ``stage``, ``release``; empty: its kind's default."""
    timeout: timedelta | None = None
    """For all steps of the stage together."""

    @property
    def is_prod(self) -> bool:
        return self.kind.value is StageKind.PROD


@dataclass(frozen=True, slots=True)
class Alarm:
    """A ratio alarm over data points: more negatives than ``negative_ratio`` of all.

    It fires when ``periods`` of the last ``of`` periods were over the limit; a period with fewer than
    ``minimum`` data points says nothing, which ``missing`` interprets (``unknown``, ``ok``, ``alarm``).
    """

    name: str
    span: Span
    negative_ratio: float | None
    minimum: int
    periods: int
    of: int
    period: timedelta
    missing: str
    scope: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One release process. ``span`` is the visible name; ``complete`` is unknown where stages are."""

    name: str
    format: str
    span: Span
    organization: Fact[str | None]
    kind: Fact[PipelineKind | None]
    tier: Fact[int | None]
    owner: Owner
    origin: Origin
    stages: tuple[Stage, ...]
    alarms: Fact[tuple[Alarm, ...] | None]
    windows: "Fact[tuple[Window, ...] | None]"
    complete: Fact[bool]
    artifact: Fact[str | None]
    deployers: tuple[Deploy, ...] = field(default=())
    environment: tuple[str, ...] = ()
    """Names of environment variables that steps may inherit."""
    ruled_windows: bool | None = None
    """Whether a ruleset of the organization has time windows; None until the engine has resolved it."""

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def prod(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in self.stages if stage.is_prod)

    @property
    def first(self) -> tuple[Stage, ...]:
        """The prod stages of the lowest wave; a prod stage without a wave counts as wave 1."""
        prod = self.prod
        lowest = min((stage.wave.or_else(1) or 1 for stage in prod), default=1)
        return tuple(stage for stage in prod if (stage.wave.or_else(1) or 1) == lowest)

    def upstream(self, stage: Stage) -> tuple[Stage, ...]:
        """All stages that ``stage`` depends on, directly or not, in file order."""
        seen: set[str] = set()
        todo = list(stage.needs)
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                found = self.stage(name)
                todo.extend(found.needs if found else ())
        return tuple(each for each in self.stages if each.name in seen)
