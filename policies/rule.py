"""The contract of a rule: typed parameters, a lint half, a gate half, or both under one id.

A rule is stateless and knows neither its level, nor its exemptions, nor a clock. ``lint`` yields
problems about a pipeline file; ``gate`` says one outcome about one release entering one stage.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from policies.facts import Provenance
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass, field, own_fields
from policies.granted import Granted
from policies.pipeline import Pipeline, Stage
from policies.release import Release
from policies.windows import FreezeState, WindowSet, WindowState


class Stricter(StrEnum):
    """Which direction of a parameter tightens a rule; it makes "a child may tighten" decidable."""

    MORE = "more"
    LESS = "less"
    SUPERSET = "superset"
    SUBSET = "subset"
    NEITHER = "neither"
    """No direction: under a lock the value cannot be changed at all."""


class Unit(StrEnum):
    """How a parameter is written in a ruleset file."""

    COUNT = "count"
    DURATION = "duration"
    SHARE = "share"
    FACTOR = "factor"
    """A plain number, for example 1.5."""
    FLAG = "flag"
    WORD = "word"
    WORDS = "words"


class Family(StrEnum):
    HYGIENE = "deployment-hygiene"
    TESTING = "testing-before-production"
    VALIDATING = "validating-in-production"
    CONTROL = "release-control"
    SPEED = "speed-and-automation"
    INTEGRITY = "artifact-integrity"
    OWNERSHIP = "ownership"
    CUSTOM = "custom"


class GateFamily(StrEnum):
    """The columns of the table of release kinds against gates (``release_kinds.yaml``)."""

    INTEGRITY = "integrity"
    TESTS = "tests"
    CANARY = "canary"
    BAKE = "bake"
    ALARMS = "alarms"
    WINDOWS = "windows"
    BLOCKLIST = "blocklist"
    APPROVAL = "approval"
    CUSTOM = "custom"
    OTHER = "other"


def param(
    default: Any,
    help: str,  # noqa: A002 - the word that users of the table expect
    *,
    unit: Unit,
    stricter: Stricter,
    allowed: tuple[str, ...] = (),
) -> Any:
    """One parameter of a rule. ``default`` is a plain value: a duration is a ``timedelta``."""
    meta = {"help": help, "unit": unit, "stricter": stricter, "allowed": allowed}
    return field(default=default, metadata=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Base of all parameters; a rule without parameters uses it as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiered(Params):
    """Parameters of a rule whose level the catalogue qualifies: ``block(tier 0-1)``.

    A pipeline of another tier, or of none that is known, is held to the first level of the rule at
    most.
    """

    block_tiers: frozenset[str] = param(
        frozenset({"0", "1"}),
        "Tiers in which the level counts in full; elsewhere the rule stays at its first level.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("0", "1", "2", "3"),
    )


@dataclass(frozen=True, slots=True)
class ParamSpec:
    name: str
    default: Any
    help: str
    unit: Unit
    stricter: Stricter
    allowed: tuple[str, ...]


#: What ``specs`` said before: a gate asks for the parameters of every rule several times.
_SPECS: Final[dict[type[Params], tuple[ParamSpec, ...]]] = {}


def specs(params: type[Params]) -> tuple[ParamSpec, ...]:
    """The declared parameters of a rule, in the order of its file."""
    if params not in _SPECS:
        _SPECS[params] = tuple(
            ParamSpec(name=each.name, default=each.default, **each.metadata)
            for each in own_fields(params)
            if each.metadata
        )
    return _SPECS[params]


@dataclass(frozen=True, slots=True)
class Used:
    """A fact that a gate used, as it is stored with the decision; ``value`` is plain JSON."""

    path: str
    value: Any
    provenance: Provenance
    source: str
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate half of a rule says. ``until`` is set where waiting cures the failure."""

    result: Result
    message: str
    would_pass: str = ""
    until: datetime | None = None
    waits: bool = False
    """True where waiting can cure the failure, whether or not the end is known."""
    inferred: bool = False
    warns_only: bool = False
    """True where the catalogue lets this outcome at most warn, for example before a test stage."""
    used: tuple[Used, ...] = ()


@dataclass(frozen=True, slots=True)
class BlocklistEntry:
    """A known bad package, digest, commit or builder; ``versions`` is a ``vers:`` range."""

    id: str
    reason: str
    owner: str
    package: str = ""
    versions: str = ""
    digest: str = ""
    repository: str = ""
    bad_commit: str = ""
    fixed_by: str = ""
    builder: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a gate may see: one release about to enter one stage at one instant."""

    pipeline: Pipeline
    release: Release
    stage: Stage
    now: datetime
    window: WindowState
    blocklist: tuple[BlocklistEntry, ...] | None
    params: "Mapping[str, Params]"
    """Effective parameters of every rule, for rules that read another's (bake of the stage
    before)."""
    granted: tuple[Granted, ...] | None = None
    """The pipeline's exemptions and opt-outs; None where nobody could read them."""
    freeze: FreezeState | None = None
    """The freezes of the organization; None where nobody could read them."""
    windows: tuple[WindowSet, ...] = ()
    """The time of every place that binds this release, for rules that ask about other instants."""

    @property
    def before(self) -> tuple[Stage, ...]:
        """The stages that this one directly needs."""
        found = (self.pipeline.stage(name) for name in self.stage.needs)
        return tuple(stage for stage in found if stage)


@dataclass(frozen=True, slots=True)
class Module:
    """What a custom rule is instead of functions: a file in Rego, which an engine evaluates.

    ``halves`` holds ``lint``, ``gate`` or both: the names that the module defines. ``facts`` are
    the data paths that it says it rests on; ``*`` stands for every item of a list.
    """

    path: str
    text: str
    halves: frozenset[str]
    owner: str
    fix: str
    facts: tuple[tuple[str, ...], ...] = ()


P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Rule(Generic[P]):
    """One practice. ``now`` and ``target`` are the two levels of the catalogue's heading.

    A built-in rule has functions, a custom one has a module.
    """

    id: str
    number: int
    title: str
    family: Family
    severity: Severity
    now: Enforcement
    target: Enforcement
    params: type[P]
    docs: str
    lint: Callable[[Pipeline, P], Iterator[Problem]] | None = None
    gate: Callable[[Case, P], Outcome] | None = None
    gate_family: GateFamily = GateFamily.OTHER
    stages: frozenset[str] = frozenset({"prod"})
    """Kinds of stage whose entry the gate half guards."""
    module: Module | None = None

    @property
    def lints(self) -> bool:
        """Whether the rule is asked before merge."""
        return self.lint is not None or (self.module is not None and "lint" in self.module.halves)

    @property
    def gates(self) -> bool:
        """Whether the rule is asked when a release enters a stage."""
        return self.gate is not None or (self.module is not None and "gate" in self.module.halves)


#: A rule whose parameter type does not matter to the one who holds it.
AnyRule = Rule[Any]
