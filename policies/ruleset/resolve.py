"""Rulesets along one path of the organization tree, merged into what holds at one instant.

Each node first speaks for itself: what it extends, in order, then its own file, in each the level
and then the last step of the schedule. A node that says nothing about a value leaves it as it is.
Then the nodes merge from root to leaf: a stricter value always wins, a looser one only where nobody
above locked it, and otherwise it is an error of the child's file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from policies.documents import DocumentError, Issue
from policies.findings import Enforcement, Span
from policies.organization import DEFAULT_ZONE
from policies.rule import AnyRule, ParamSpec, specs
from policies.rules import CATALOGUE
from policies.ruleset.model import (
    ON_UNKNOWN_GATE,
    ON_UNKNOWN_LINT,
    Effective,
    ExceptionPolicy,
    PlacedWindows,
    Resolved,
    Ruleset,
    Setting,
    Upcoming,
)
from policies.ruleset.values import at_least_as_strict, tightening, value_json
from policies.windows import zone as zone_of

#: Rules about the health of what runs now: a silent alarm is no reason to go on, whatever a ruleset
#: says of unknown in general. A ruleset may still say otherwise for one of them by name.
LIVE_HEALTH: Final = frozenset({"alarm-block", "rollback-on-alarm"})

_LEVEL: Final = "enforcement"
_UNKNOWN: Final = {"on_unknown_lint": ON_UNKNOWN_LINT, "on_unknown_gate": ON_UNKNOWN_GATE}

Said = tuple[Any, Span]


def resolve(
    chain: Sequence[tuple[str, Ruleset]],
    at: datetime,
    zone: str = DEFAULT_ZONE,
    organization: str | None = None,
) -> Resolved:
    """Merge the rulesets of the nodes from root to leaf, each with the path of its node.

    ``zone`` is that of the organization: its days start there. ``organization`` is the node that is
    asked about, where it lies below the last one that has a ruleset. Raises DocumentError.
    """
    asked = organization if organization is not None else chain[-1][0] if chain else ""
    merge = _Merge(tuple(_Node.of(path, each) for path, each in chain), at, zone, asked)
    rules = {each.id: merge.effective(each) for each in CATALOGUE}
    merge.issues.extend(issue for node in merge.nodes for issue in node.unusable_windows(zone))
    if merge.issues:
        raise DocumentError(merge.issues)
    return Resolved(
        name=chain[-1][1].name if chain else "",
        organization=asked,
        zone=zone,
        rules=rules,
        placed=tuple(placed for node in merge.nodes if (placed := node.windows())),
        exceptions=_exceptions([each.ruleset for node in merge.nodes for each in node.layers]),
    )


def breaches(chain: Sequence[tuple[str, Ruleset]], zone: str, organization: str) -> list[Issue]:
    """Levels that break a lock from the start or from a scheduled date on, past or to come."""
    nodes = tuple(_Node.of(path, each) for path, each in chain)
    merge = _Merge(nodes, datetime.min.replace(tzinfo=UTC), zone, organization)
    found: dict[Issue, Issue] = {}
    for rule in CATALOGUE:
        for at in (merge.at, *merge.starts(rule)):
            issues: list[Issue] = []
            merge.level(rule, at, issues)
            day = "" if at == merge.at else f"from {at.astimezone(zone_of(zone)):%Y-%m-%d}: "
            for issue in issues:
                found.setdefault(issue, replace(issue, message=day + issue.message))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Layer:
    """One file of a node; ``above`` is the ``extends`` entry that brought it in."""

    ruleset: Ruleset
    settings: Mapping[str, Setting]
    above: Span | None


@dataclass(frozen=True, slots=True)
class _Node:
    path: str
    layers: tuple[_Layer, ...]

    @classmethod
    def of(cls, path: str, ruleset: Ruleset) -> "_Node":
        layers = (
            _Layer(each, {setting.rule: setting for setting in each.settings}, above)
            for each, above in ruleset.layers()
        )
        return cls(path, tuple(layers))

    def last(self, rule: str, pick: Callable[[Setting], Said | None]) -> "_Statement | None":
        """What this node says last; None where it says nothing."""
        found = None
        for layer in self.layers:
            setting = layer.settings.get(rule)
            said = pick(setting) if setting else None
            if said:
                value, span = said
                found = _Statement(value, layer.above or span, self._place(span))
        return found

    def locks(self, rule: AnyRule) -> frozenset[str]:
        names: set[str] = set()
        for layer in self.layers:
            setting = layer.settings.get(rule.id)
            if setting:
                names |= setting.locked
            if setting and setting.locks_all:
                names.update((_LEVEL, *_UNKNOWN, *(spec.name for spec in specs(rule.params))))
        return frozenset(names)

    def windows(self) -> PlacedWindows | None:
        """The windows of all files of this node are one set."""
        files = [each.ruleset for each in self.layers if each.ruleset.windows]
        if not files:
            return None
        place = f"organization {self.path}" if self.path else f"ruleset {files[-1].name}"
        return PlacedWindows(place, tuple(each.windows for each in files if each.windows))

    def unusable_windows(self, zone: str) -> Iterator[Issue]:
        """Windows that their file allows and this zone does not, told at the ruleset's name."""
        for each in (layer.ruleset for layer in self.layers):
            try:
                _ = each.windows and each.windows.windows(zone)
            except DocumentError as error:
                for issue in error.issues:
                    yield Issue(each.span, f"time_windows in zone {zone}: {issue.message}")

    def _place(self, span: Span) -> str:
        where = f"{span.path}:{span.line}"
        return f"{self.path} ({where})" if self.path else where


@dataclass(frozen=True, slots=True)
class _Statement:
    """A value, where the node's own file says it, and who said it in words."""

    value: Any
    span: Span
    by: str


@dataclass(slots=True)
class _Merge:
    nodes: tuple[_Node, ...]
    at: datetime
    zone: str
    organization: str
    issues: list[Issue] = field(default_factory=list)

    def effective(self, rule: AnyRule) -> Effective:
        level, by = self.level(rule, self.at, self.issues)
        params = {spec.name: self._param(rule, spec) for spec in specs(rule.params)}
        return Effective(
            rule=rule,
            enforcement=level,
            params=replace(rule.params(), **params),
            on_unknown_lint=self._unknown(rule, "on_unknown_lint", "warn"),
            on_unknown_gate=self._unknown(rule, "on_unknown_gate", "hold"),
            reason=self._words(rule, "reason"),
            debate=self._words(rule, "debate") or self._default_debate(),
            set_by=by,
            locked=frozenset().union(*(node.locks(rule) for node in self.nodes)) - {*_UNKNOWN},
            next=self._next(rule, level),
        )

    def _param(self, rule: AnyRule, spec: ParamSpec) -> Any:
        value = _Value(
            spec.default,
            lambda setting: _param_said(setting, spec.name),
            lambda child, parent: at_least_as_strict(spec, child, parent),
            lambda value: f"{spec.name} {value_json(spec, value)!r}",
            tightening(spec),
        )
        return self._merged(rule, spec.name, value, self.issues)[0]

    def level(self, rule: AnyRule, at: datetime, issues: list[Issue]) -> tuple[Enforcement, str]:
        value = _Value(
            rule.now,
            lambda setting: self._level_said(setting, at),
            lambda child, parent: child >= parent,
            lambda level: f"level {level.word!r}",
            "only a higher level is stricter",
        )
        return self._merged(rule, _LEVEL, value, issues)

    def _level_said(self, setting: Setting, at: datetime) -> Said | None:
        said = None
        if setting.enforcement is not None:
            said = (setting.enforcement, setting.spans[_LEVEL])
        for step in setting.schedule:
            if step.covers(self.organization) and step.starts_at(self.zone) <= at:
                said = (step.enforcement, step.span)
        return said

    def starts(self, rule: AnyRule) -> list[datetime]:
        """The instants from now on at which a schedule may change the level."""
        starts = {
            start
            for node in self.nodes
            for layer in node.layers
            if (setting := layer.settings.get(rule.id))
            for step in setting.schedule
            if step.covers(self.organization) and (start := step.starts_at(self.zone)) > self.at
        }
        return sorted(starts)

    def _next(self, rule: AnyRule, now: Enforcement) -> Upcoming | None:
        """The first instant at which a schedule changes the level; later errors wait for it."""
        for start in self.starts(rule):
            level, _ = self.level(rule, start, [])
            if level is not now:
                return Upcoming(start, level)
        return None

    def _unknown(self, rule: AnyRule, key: str, general: str) -> str:
        words = _UNKNOWN[key]
        default = self._general_unknown(key) or general
        if key == "on_unknown_gate" and rule.id in LIVE_HEALTH:
            default = general
        value = _Value(
            default,
            lambda setting: _unknown_said(setting, key),
            lambda child, parent: words.index(child) >= words.index(parent),
            lambda word: f"{key.replace('on_unknown_', 'on_unknown.')} {word!r}",
            "only a stricter answer is allowed",
        )
        return str(self._merged(rule, key, value, self.issues)[0])

    def _general_unknown(self, key: str) -> str:
        said = [getattr(layer.ruleset, key) for node in self.nodes for layer in node.layers]
        return next((word for word in reversed(said) if word), "")

    def _merged(
        self, rule: AnyRule, name: str, value: "_Value", issues: list[Issue]
    ) -> tuple[Any, str]:
        """The value of one name after all nodes, and who set it."""
        current, by, locked_by = value.default, "built-in default", ""
        for node in self.nodes:
            said = node.last(rule.id, value.said)
            if said and locked_by and not value.strict_enough(said.value, current):
                told = (
                    f"{rule.id}: {value.words(said.value)} is looser than "
                    f"{value.words(current)}, locked by {locked_by}; {value.allowed}"
                )
                issues.append(Issue(said.span, told))
            elif said and said.value != current:
                current, by = said.value, said.by
            elif said and by == "built-in default":
                by = said.by
            if name in node.locks(rule):
                locked_by = locked_by or node.path or node.layers[-1].ruleset.path
        return current, by

    def _words(self, rule: AnyRule, key: str) -> str:
        """The reason or the debate link that the nearest node gives."""
        found = ""
        for node in self.nodes:
            for layer in node.layers:
                setting = layer.settings.get(rule.id)
                found = getattr(setting, key, "") or found
        return found

    def _default_debate(self) -> str:
        said = [layer.ruleset.debate for node in self.nodes for layer in node.layers]
        return next((link for link in reversed(said) if link), "")


@dataclass(frozen=True, slots=True)
class _Value:
    """How one value of a rule merges: its default, who says it, which is stricter, in words."""

    default: Any
    said: Callable[[Setting], Said | None]
    strict_enough: Callable[[Any, Any], bool]
    words: Callable[[Any], str]
    allowed: str


def _param_said(setting: Setting, name: str) -> Said | None:
    return (setting.params[name], setting.spans[name]) if name in setting.params else None


def _unknown_said(setting: Setting, key: str) -> Said | None:
    word = getattr(setting, key)
    return (word, setting.spans[key]) if word in _UNKNOWN[key] else None


def _exceptions(files: Sequence[Ruleset]) -> ExceptionPolicy:
    """Limits only tighten: all that one of them forbids is forbidden."""
    return ExceptionPolicy(frozenset().union(*(each.exceptions.forbidden for each in files)))
