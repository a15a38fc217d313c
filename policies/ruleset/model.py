"""Rulesets as files say them (``Ruleset``) and as they hold for one organization (``Resolved``)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from json import dumps, loads
from typing import Any, Final, NamedTuple

from policies.canonical import canonical, digest_of
from policies.exceptions import NO_LIMITS, ExceptionPolicy, policy_json
from policies.findings import Enforcement, Span
from policies.frozen import dataclass, field
from policies.plain import compact, instant_text
from policies.rule import AnyRule, Params, specs
from policies.ruleset.values import value_json
from policies.source import read
from policies.windows import Window, WindowSet, is_address, parse_windows
from policies.windows import zone as zone_of

#: Who set a value that no file sets.
DEFAULT: Final = "built-in default"
#: What unknown means in a lint; waiting is nothing that a file under review can do.
ON_UNKNOWN_LINT: Final = ("ignore", "warn", "block")
#: What unknown means at a gate, from the loosest to the strictest.
ON_UNKNOWN_GATE: Final = ("ignore", "warn", "hold", "block")


@dataclass(frozen=True, slots=True)
class Step:
    """A level from the start of a day; ``organizations`` are subtrees, empty means all."""

    start: date
    enforcement: Enforcement
    organizations: tuple[str, ...]
    span: Span

    def covers(self, organization: str) -> bool:
        return not self.organizations or any(
            organization == each or organization.startswith(each + "/")
            for each in self.organizations
        )

    def starts_at(self, zone: str) -> datetime:
        start = datetime(self.start.year, self.start.month, self.start.day, tzinfo=zone_of(zone))
        return start.astimezone(UTC)


class StepKey(NamedTuple):
    """Which step of which ruleset: the node that has the ruleset, the rule, the day, for whom."""

    node: str
    rule: str
    day: date
    organizations: tuple[str, ...]

    @classmethod
    def of(cls, node: str, rule: str, step: Step) -> "StepKey":
        return cls(node, rule, step.start, step.organizations)


@dataclass(frozen=True, slots=True)
class Setting:
    """What one file says about one rule; None and absent parameters say nothing.

    ``spans`` holds the places of what was said: ``enforcement`` and each parameter by its name.
    """

    rule: str
    span: Span
    enforcement: Enforcement | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    locks_all: bool = False
    locked: frozenset[str] = frozenset()
    on_unknown_lint: str = ""
    on_unknown_gate: str = ""
    reason: str = ""
    debate: str = ""
    schedule: tuple[Step, ...] = ()
    announced: date | None = None
    ready_when: float | None = None
    """The share of pipelines whose compliance lets a step come before its date; 0.95 is 95 %."""


@dataclass(frozen=True, slots=True)
class WindowText:
    """Time windows as plain JSON text, with the calendars they name.

    A ruleset does not know the zone of the organization that uses it, so its windows are read anew
    for each zone; and a decision can store them.
    """

    text: str
    calendars: tuple[tuple[str, str], ...] = ()

    def windows(self, zone: str) -> tuple[Window, ...]:
        return _windows(self, zone)

    @property
    def addresses(self) -> frozenset[str]:
        """Calendars that are named by an address; only a service reads them."""
        named = (each.get("calendar", "") for each in loads(self.text))
        return frozenset(each for each in named if is_address(each))


@cache
def _windows(source: WindowText, zone: str) -> tuple[Window, ...]:
    """The text was valid when it was made, so nothing is left to tell of it."""
    root = read(source.text, "time_windows")[0].root
    return parse_windows(root, zone, calendars=dict(source.calendars).get)


@dataclass(frozen=True, slots=True)
class Targets:
    """How long a change may take from check-in to its first and to all of its customers."""

    span: Span
    first_customer: timedelta | None = None
    all_customers: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One ruleset file with the rulesets that it extends, in their order."""

    name: str
    path: str
    span: Span
    extends: "tuple[Base, ...]" = ()
    owner: str = ""
    debate: str = ""
    on_unknown_lint: str = ""
    on_unknown_gate: str = ""
    settings: tuple[Setting, ...] = ()
    windows: WindowText | None = None
    exceptions: ExceptionPolicy = NO_LIMITS
    targets: Targets | None = None
    custom: tuple[AnyRule, ...] = ()
    """Custom rules that this file brings in, without those of the rulesets that it extends."""

    @property
    def size(self) -> int:
        """How many files this is once every ``extends`` is expanded."""
        return 1 + sum(base.ruleset.size for base in self.extends)

    def layers(self, above: Span | None = None) -> "Iterator[tuple[Ruleset, Span | None]]":
        """The expanded files in the order in which they apply, this one last.

        With each comes the ``extends`` entry of this file that brought it in; None for itself.
        """
        for base in self.extends:
            yield from base.ruleset.layers(above or base.span)
        yield self, above

    def all_custom(self) -> dict[str, AnyRule]:
        """Every custom rule of this file and of those that it extends, by id."""
        return {each.id: each for layer, _ in self.layers() for each in layer.custom}


@dataclass(frozen=True, slots=True)
class Base:
    """One entry of ``extends`` and the ruleset that it names."""

    span: Span
    ruleset: Ruleset


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next change of a level that is already decided."""

    at: datetime
    enforcement: Enforcement


@dataclass(frozen=True, slots=True)
class Origin:
    """Who set a value, where its own file says it, and which node above locked it."""

    by: str = DEFAULT
    span: Span | None = None
    locked_by: str = ""


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds for one rule in one organization at one instant.

    ``set_by`` names the place that set the level. ``locked`` holds the names of locked parameters,
    and ``enforcement`` where the level itself is locked. ``origins`` tells the same of each value
    by its name; it explains and is no part of what was decided, so it is not stored.
    """

    rule: AnyRule
    enforcement: Enforcement
    params: Params
    on_unknown_lint: str
    on_unknown_gate: str
    reason: str = ""
    debate: str = ""
    set_by: str = DEFAULT
    locked: frozenset[str] = frozenset()
    next: Upcoming | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PlacedWindows:
    """The windows of one organization node, from its file and those that it extends."""

    place: str
    sources: tuple[WindowText, ...]

    def set(self, zone: str) -> WindowSet:
        """The windows of the files of a node are a union."""
        windows = (window for source in self.sources for window in source.windows(zone))
        return WindowSet(self.place, tuple(windows))


@dataclass(frozen=True, slots=True)
class Resolved:
    """The rules of one organization at one instant, in the order of the catalogue."""

    name: str
    organization: str
    zone: str
    rules: Mapping[str, Effective]
    placed: tuple[PlacedWindows, ...] = ()
    exceptions: ExceptionPolicy = NO_LIMITS
    asked: dict[str, tuple[Effective, ...]] = field(init=False, compare=False, repr=False)
    """By tier, what a lint asks for: ``engine.tiers`` works it out once."""

    told: dict[str, Any] = field(init=False, compare=False, repr=False)
    """The ruleset as it is stored with each decision that it holds for; worked out once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", {})
        object.__setattr__(self, "told", {})

    @property
    def windows(self) -> tuple[WindowSet, ...]:
        """One set for each node."""
        return tuple(each.set(self.zone) for each in self.placed)

    @property
    def digest(self) -> str:
        return digest_of(self.spelled)

    @property
    def spelled(self) -> bytes:
        """The one spelling of ``to_json``, of which digests are made."""
        found: bytes = self._once("spelled", lambda: canonical(to_json(self)))
        return found

    @property
    def text(self) -> str:
        """``to_json`` as text, with its keys in order."""
        found: str = self._once("text", lambda: dumps(to_json(self), sort_keys=True))
        return found

    def _once(self, name: str, work_out: Callable[[], Any]) -> Any:
        if name not in self.told:
            self.told[name] = work_out()
        return self.told[name]


def to_json(resolved: Resolved) -> dict[str, Any]:
    """Everything that a gate needs to come to the same answer again, as plain JSON data.

    It is the same object each time, for nobody to change.
    """
    found: dict[str, Any] = resolved._once("json", lambda: _json(resolved))  # noqa: SLF001 - of this module
    return found


def _json(resolved: Resolved) -> dict[str, Any]:
    modules = {
        name: {"path": each.rule.module.path, "text": each.rule.module.text}
        for name, each in resolved.rules.items()
        if each.rule.module
    }
    return {
        "name": resolved.name,
        "organization": resolved.organization,
        "zone": resolved.zone,
        "rules": {name: _effective_json(each) for name, each in resolved.rules.items()},
        # Left out where there is none, so that the digest of such a ruleset stays what it was.
        **({"custom": modules} if modules else {}),
        "time_windows": [
            {"place": each.place, "sources": [_window_json(source) for source in each.sources]}
            for each in resolved.placed
        ],
        "exceptions": policy_json(resolved.exceptions),
    }


def _window_json(source: WindowText) -> dict[str, Any]:
    return {"text": source.text, "calendars": [list(pair) for pair in source.calendars]}


def _effective_json(effective: Effective) -> dict[str, Any]:
    upcoming = effective.next
    return compact(
        {
            "enforcement": effective.enforcement.word,
            "parameters": {
                spec.name: value_json(spec, getattr(effective.params, spec.name))
                for spec in specs(effective.rule.params)
            },
            "on_unknown": {"lint": effective.on_unknown_lint, "gate": effective.on_unknown_gate},
            "reason": effective.reason,
            "debate": effective.debate,
            "set_by": effective.set_by,
            "locked": sorted(effective.locked),
            "next": upcoming
            and {"at": instant_text(upcoming.at), "enforcement": upcoming.enforcement.word},
        }
    )
