"""One pipeline as every format is read into it; every leaf is a ``Fact``.

Structure (which stages exist, in which order) is plain; what a stage *says* is a fact with a
place. A reader that cannot know the stages at all (they are generated, or included from elsewhere)
says so in ``Pipeline.complete``, so that no rule mistakes what it cannot see for something absent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from policies.alarm import Alarm
from policies.facts import UNSAID, Fact, Unknown
from policies.findings import Span
from policies.frozen import dataclass, field
from policies.graphs import Order, decoded
from policies.guards import Analysis, Mutex, Permissions
from policies.history import History
from policies.neighbours import ConfigSource, Writer
from policies.references import Reference
from policies.remote import Remote
from policies.scripted import Request
from policies.surroundings import UNRESOLVED, Surroundings

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
    """One command, action or test. ``soft`` names the construct that lets a failure pass.

    ``timeout`` of a step that waits by its tool's own construct is the length of the wait.
    """

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
    references: tuple[Reference, ...] = ()
    """What it uses from elsewhere: actions, images, included files."""
    requests: tuple[Request, ...] = ()
    """What it asks of the running version, where it is a suite of requests and no command."""
    untrusted: Fact[str | None] = UNSAID
    """The construct by which unreviewed content runs here with rights or secrets."""


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
    remote: Remote | None = None
    name: str = ""
    strategy: Fact[str | None] = UNSAID
    """``recreate``, ``rolling``, ``blue-green``, ``linear``, ``canary`` or ``one-box``."""
    max_unavailable: Fact[float | None] = UNSAID
    """The share of the capacity that may be out at once, after the engine's rounding."""
    surge: Fact[float | None] = UNSAID
    """The share of capacity that is added while a deployment runs."""
    on_deadline: Fact[str | None] = UNSAID
    """``abort`` or ``report``."""
    drain: Fact[timedelta | None] = UNSAID
    retained: Fact[int | None] = UNSAID
    """How many earlier versions can be deployed again."""
    rollback_batch: Fact[float | None] = UNSAID
    artifact: Fact[Reference | None] = UNSAID
    availability: Fact[str | None] = UNSAID
    """``single`` where the service is declared to run once only."""
    forward_only: Fact[bool | None] = UNSAID
    """True where going back is declared impossible."""
    exposures: Fact[tuple[float, ...] | None] = UNSAID
    """Shares of traffic that the engine itself moves, in order; the last is 1."""


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
    """A cell, zone or region. ``traffic`` is its share of all requests, None where untold."""

    name: str
    region: str = ""
    zone: str = ""
    cell: str = ""
    traffic: float | None = None


@dataclass(frozen=True, slots=True)
class Synthetic:
    name: str
    span: Span
    every: Fact[timedelta | None]
    requests: tuple[Request, ...] = ()
    outside: Fact[bool | None] = UNSAID
    """Whether it asks from outside of the service's own network."""
    operations: tuple[str, ...] = ()
    """Public operations that it exercises, as the pipeline's ``operations`` name them."""
    dependencies: tuple[str, ...] = ()


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
    mutex: Fact[Mutex | None] = UNSAID
    branches: Fact[tuple[str, ...] | None] = UNSAID
    """Branches and tags that the stage is limited to; None where any may enter it."""
    analyses: Fact[tuple[Analysis, ...] | None] = UNSAID
    """Metric checks by which the engine itself decides whether to go on."""
    permissions: Fact[Permissions | None] = UNSAID
    variables: Fact[Mapping[str, str] | None] = UNSAID
    """The rendered configuration that the stage hands to what it deploys."""
    callers: Fact[tuple[str, ...] | None] = UNSAID
    """Who may call what runs here."""
    kinds: frozenset[StepKind | Unknown] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", frozenset([step.kind.value for step in self.steps]))

    @property
    def is_prod(self) -> bool:
        return self.kind.value is StageKind.PROD


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One release process. ``span`` is the visible name.

    ``complete`` is unknown where not all stages can be seen.
    """

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
    around: Surroundings = UNRESOLVED
    """What its organization says about it; the engine sets it before rules look."""
    bake_factor: float = 1.0
    """What the ruleset multiplies bakes by for its tier; the engine sets it before rules look."""
    maturity: Fact[str | None] = UNSAID
    """``new`` for a young system that may still be promoted by hand."""
    has_ui: Fact[bool | None] = UNSAID
    has_consumers: Fact[bool | None] = UNSAID
    preprod: Fact[str | None] = UNSAID
    """``dark-cell`` where a first prod cell without customers stands for pre-production."""
    operations: Fact[tuple[str, ...] | None] = UNSAID
    """Public operations of the service, without deprecated ones."""
    dependencies: Fact[tuple[str, ...] | None] = UNSAID
    config_sources: Fact[tuple[ConfigSource, ...] | None] = UNSAID
    notifies: Fact[tuple[str, ...] | None] = UNSAID
    """Who is told when a stage fails or is held: ``author``, ``team_channel``, other addresses."""
    permissions: Fact[Permissions | None] = UNSAID
    """What a job may do that does not say it itself."""
    references: tuple[Reference, ...] = ()
    """What the file as a whole takes from elsewhere."""
    owned_path: Fact[bool | None] = UNSAID
    """Whether somebody owns the path of this file (CODEOWNERS)."""
    writers: Fact[tuple[Writer, ...] | None] = UNSAID
    """Other pipelines of the same run that deploy to one of its production environments."""
    history: Fact[History | None] = UNSAID
    """What the service knows of earlier runs; unknown without a service."""
    prod: tuple[Stage, ...] = field(init=False, repr=False, compare=False)
    first: tuple[Stage, ...] = field(init=False, repr=False, compare=False)
    """The prod stages of the lowest wave; a prod stage without a wave counts as wave 1."""
    order: Order = field(init=False, repr=False, compare=False)
    """Which stage waits for which, by their numbers in ``stages``."""

    def __post_init__(self) -> None:
        prod = tuple([each for each in self.stages if each.kind.value is StageKind.PROD])
        waves = [_wave(stage) for stage in prod]
        lowest = min(waves, default=1)
        first = tuple([each for each, wave in zip(prod, waves, strict=True) if wave == lowest])
        order = Order([stage.name for stage in self.stages], [each.needs for each in self.stages])
        object.__setattr__(self, "prod", prod)
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "order", order)

    def stage(self, name: str) -> Stage | None:
        """The stage of this name, of equal names the first."""
        number = self.order.index.get(name)
        return None if number is None else self.stages[number]

    def bits(self, stages: Iterable[Stage]) -> int:
        """A set of stages of this pipeline, to be combined with ``above`` and ``below``."""
        index, bits = self.order.index, 0
        for stage in stages:
            bits |= 1 << index[stage.name]
        return bits

    def above(self, stage: Stage) -> int:
        """All stages that ``stage`` depends on, directly or not, as bits."""
        return self.order.above()[self.order.index[stage.name]]

    def below(self, stage: Stage) -> int:
        """All stages that depend on ``stage``, directly or not, as bits."""
        return self.order.below()[self.order.index[stage.name]]

    def of_bits(self, bits: int) -> tuple[Stage, ...]:
        """The stages of a set, in file order."""
        return tuple(self.each_of_bits(bits))

    def each_of_bits(self, bits: int) -> Iterator[Stage]:
        """The same one by one."""
        return (self.stages[number] for number in decoded(bits))

    def upstream(self, stage: Stage) -> tuple[Stage, ...]:
        """All stages that ``stage`` depends on, directly or not, in file order."""
        return self.of_bits(self.above(stage))

    def heads(self, stages: Sequence[Stage]) -> tuple[Stage, ...]:
        """Those of the stages that depend on none of the others."""
        if len(stages) < 2:  # noqa: PLR2004 - nothing to compare it with
            return tuple(stages)
        among, above, index = self.bits(stages), self.order.above(), self.order.index
        return tuple(stage for stage in stages if not above[index[stage.name]] & among)


def _wave(stage: Stage) -> int:
    return stage.wave.value or 1
