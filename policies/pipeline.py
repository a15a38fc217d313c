"""One pipeline as every format is read into it; every leaf is a ``Fact``.

Structure (which stages exist, in which order) is plain; what a stage *says* is a fact with a
place. A reader that cannot know the stages at all (they are generated, or included from elsewhere)
says so in ``Pipeline.complete``, so that no rule mistakes what it cannot see for something absent.
"""

from collections.abc import Iterable, Sequence
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

    It fires when ``periods`` of the last ``of`` periods were over the limit; a period with fewer
    than ``minimum`` data points says nothing, which ``missing`` interprets (``unknown``, ``ok``,
    ``alarm``).
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


class _Order:
    """Which stage waits for which, computed when first asked; sets of stages are bits of an int.

    A chain of ten thousand jobs would take minutes with a walk for every question.
    """

    __slots__ = ("_above", "_below", "first", "index", "prod", "stages")

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self.stages = stages
        self.index: dict[str, int] = {}
        for number, stage in enumerate(stages):
            self.index.setdefault(stage.name, number)
        self.prod = tuple(stage for stage in stages if stage.is_prod)
        lowest = min((stage.wave.or_else(1) or 1 for stage in self.prod), default=1)
        self.first = tuple(each for each in self.prod if (each.wave.or_else(1) or 1) == lowest)
        self._above: list[int] | None = None
        self._below: list[int] | None = None

    def needs(self) -> list[list[int]]:
        index = self.index
        return [[index[name] for name in each.needs if name in index] for each in self.stages]

    def above(self) -> list[int]:
        if self._above is None:
            self._above = _reachable(self.needs())
        return self._above

    def below(self) -> list[int]:
        if self._below is None:
            self._below = _reachable(_turned(self.needs()))
        return self._below

    def decoded(self, bits: int) -> tuple[Stage, ...]:
        found = []
        while bits:
            last = bits & -bits
            found.append(self.stages[last.bit_length() - 1])
            bits ^= last
        return tuple(found)


def _turned(edges: list[list[int]]) -> list[list[int]]:
    back: list[list[int]] = [[] for _ in edges]
    for number, targets in enumerate(edges):
        for target in targets:
            back[target].append(number)
    return back


def _reachable(edges: list[list[int]]) -> list[int]:
    """For each node the bits of all nodes that its edges lead to, circles included."""
    found = [0] * len(edges)
    order = _deepest_first(edges)
    changed = True
    while changed:  # Once, and once more to see that nothing changed; circles take a few turns.
        changed = False
        for node in order:
            bits = found[node]
            for target in edges[node]:
                bits |= found[target] | (1 << target)
            if bits != found[node]:
                found[node], changed = bits, True
    return found


def _deepest_first(edges: list[list[int]]) -> list[int]:
    """Every node after those that its edges lead to, where no circle forbids it."""
    order: list[int] = []
    seen: set[int] = set()
    for start in range(len(edges)):
        todo = [(start, False)]
        while todo:
            node, left = todo.pop()
            if left:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                todo.append((node, True))
                todo.extend((each, False) for each in edges[node] if each not in seen)
    return order


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
    ruled_windows: bool | None = None
    """Whether a ruleset of the organization has time windows; None until that is resolved."""
    _order: _Order = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_order", _Order(self.stages))

    def stage(self, name: str) -> Stage | None:
        """The stage of this name, of equal names the first."""
        number = self._order.index.get(name)
        return None if number is None else self.stages[number]

    @property
    def prod(self) -> tuple[Stage, ...]:
        return self._order.prod

    @property
    def first(self) -> tuple[Stage, ...]:
        """The prod stages of the lowest wave; a prod stage without a wave counts as wave 1."""
        return self._order.first

    def bits(self, stages: Iterable[Stage]) -> int:
        """A set of stages of this pipeline, to be combined with ``above`` and ``below``."""
        index, found = self._order.index, 0
        for stage in stages:
            found |= 1 << index[stage.name]
        return found

    def above(self, stage: Stage) -> int:
        """All stages that ``stage`` depends on, directly or not, as bits."""
        return self._order.above()[self._order.index[stage.name]]

    def below(self, stage: Stage) -> int:
        """All stages that depend on ``stage``, directly or not, as bits."""
        return self._order.below()[self._order.index[stage.name]]

    def of_bits(self, bits: int) -> tuple[Stage, ...]:
        """The stages of a set, in file order."""
        return self._order.decoded(bits)

    def upstream(self, stage: Stage) -> tuple[Stage, ...]:
        """All stages that ``stage`` depends on, directly or not, in file order."""
        return self.of_bits(self.above(stage))

    def heads(self, stages: Sequence[Stage]) -> tuple[Stage, ...]:
        """Those of the stages that depend on none of the others."""
        among = self.bits(stages)
        return tuple(stage for stage in stages if not self.above(stage) & among)
