"""Merging from root to leaf: a stricter value always wins, a looser one only where none is locked.

Everything that no date changes is merged once for a node and shared with the nodes below it. Only
levels with a schedule are merged anew, for the organization and the instant that are asked about.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from policies.documents import Issue
from policies.frozen import dataclass, replace
from policies.rule import AnyRule, ParamSpec, specs
from policies.ruleset.model import DEFAULT, Origin, Setting
from policies.ruleset.nodes import LEVEL, UNKNOWN, Node, Said, Statement
from policies.ruleset.values import at_least_as_strict, tightening, value_json

#: Rules about the health of what runs now: a silent alarm is no reason to go on, whatever a ruleset
#: says of unknown in general. A ruleset may still say otherwise for one of them by name.
LIVE_HEALTH: Final = frozenset({"alarm-block", "rollback-on-alarm"})
#: What unknown means where nobody says it.
_GENERAL: Final = {"on_unknown_lint": "warn", "on_unknown_gate": "hold"}

_NOBODY: Final = Origin()

LevelOf = Callable[[Node, Setting], Said | None]


@dataclass(frozen=True, slots=True)
class Kept:
    """One value after some nodes: who set it, and who above locked it."""

    value: Any
    origin: Origin
    said: bool = False
    """Whether a node spoke of this rule by name; then what is said of all rules counts no more."""


@dataclass(frozen=True, slots=True)
class Merged:
    """One rule after some nodes, its level left out; ``nodes`` are those that speak of it."""

    rule: AnyRule
    params: Mapping[str, Kept]
    unknown: Mapping[str, Kept]
    nodes: tuple[Node, ...] = ()
    reason: str = ""
    debate: str = ""
    locked: frozenset[str] = frozenset()

    @property
    def dated(self) -> bool:
        """Whether a schedule changes the level."""
        return any(
            setting.schedule for node in self.nodes for setting in node.settings(self.rule.id)
        )


def unsaid(rule: AnyRule) -> Merged:
    """A rule of which nobody has said anything."""
    return Merged(
        rule,
        {spec.name: Kept(spec.default, _NOBODY) for spec in specs(rule.params)},
        {key: Kept(word, _NOBODY) for key, word in _GENERAL.items()},
    )


def below(merged: Merged, node: Node, issues: list[Issue]) -> Merged:
    """The rule after one more node; what the node must not loosen is told in ``issues``."""
    rule = merged.rule
    settings, locks = node.settings(rule.id), node.locks(rule)
    params = dict(merged.params)
    if settings:
        for spec in specs(rule.params):
            said = node.last(rule.id, partial(_param_said, name=spec.name))
            if said or spec.name in locks:
                value = _param(rule, spec)
                params[spec.name] = value.after(params[spec.name], said, node, locks, issues)
    reasons = [each.reason for each in settings if each.reason]
    debates = [each.debate for each in settings if each.debate]
    return Merged(
        rule=rule,
        params=params,
        unknown={key: _unknown(merged, key, node, locks, issues) for key in UNKNOWN},
        nodes=(*merged.nodes, node) if settings else merged.nodes,
        reason=reasons[-1] if reasons else merged.reason,
        debate=debates[-1] if debates else merged.debate,
        locked=merged.locked | locks,
    )


def level(merged: Merged, said: LevelOf, issues: list[Issue]) -> Kept:
    """The level after all nodes; ``said`` picks what one setting of a node says now."""
    kept = Kept(merged.rule.now, _NOBODY)
    for node in merged.nodes:
        value = _Value(
            merged.rule,
            LEVEL,
            lambda child, parent: bool(child >= parent),
            lambda one: f"level {one.word!r}",
            "only a higher level is stricter",
        )
        spoken = node.last(merged.rule.id, partial(said, node))
        kept = value.after(kept, spoken, node, node.locks(merged.rule), issues)
    return kept


def level_said(setting: Setting, started: Iterable[int]) -> Said | None:
    """The level of a setting, or of the last step of its schedule that has started."""
    last = max(started, default=None)
    if last is not None:
        step = setting.schedule[last]
        return step.enforcement, step.span
    if setting.enforcement is None:
        return None
    return setting.enforcement, setting.spans[LEVEL]


def plain_level(_: Node, setting: Setting) -> Said | None:
    """What a setting says of the level before any date."""
    return level_said(setting, ())


@dataclass(frozen=True, slots=True)
class _Value:
    """How one value of a rule merges: which is stricter, in words."""

    rule: AnyRule
    name: str
    strict_enough: Callable[[Any, Any], bool]
    words: Callable[[Any], str]
    allowed: str

    def after(
        self,
        kept: Kept,
        said: Statement | None,
        node: Node,
        locks: frozenset[str],
        issues: list[Issue],
    ) -> Kept:
        """The value after one more node; a lock of the node itself binds only those below."""
        origin = kept.origin
        value = kept.value
        if said and origin.locked_by and not self.strict_enough(said.value, value):
            told = (
                f"{self.rule.id}: {self.words(said.value)} is looser than "
                f"{self.words(value)}, locked by {origin.locked_by}; {self.allowed}"
            )
            issues.append(Issue(said.span, told))
        elif said and (said.value != value or origin.by == DEFAULT):
            value, origin = said.value, replace(origin, by=said.by, span=said.span)
        if self.name in locks and not origin.locked_by:
            origin = replace(origin, locked_by=node.place)
        return Kept(value, origin, kept.said or said is not None)


def _param(rule: AnyRule, spec: ParamSpec) -> _Value:
    return _Value(
        rule,
        spec.name,
        lambda child, parent: at_least_as_strict(spec, child, parent),
        lambda value: f"{spec.name} {value_json(spec, value)!r}",
        tightening(spec),
    )


def _unknown(
    merged: Merged, key: str, node: Node, locks: frozenset[str], issues: list[Issue]
) -> Kept:
    """What unknown means: what is said of all rules counts until one is named."""
    words = UNKNOWN[key]
    kept = merged.unknown[key]
    said = node.last(merged.rule.id, partial(_unknown_said, key=key))
    exempt = key == "on_unknown_gate" and merged.rule.id in LIVE_HEALTH
    general = None if kept.said or said or exempt else node.general.get(key)
    if not said and not general and key not in locks:
        return kept
    value = _Value(
        merged.rule,
        key,
        lambda child, parent: words.index(child) >= words.index(parent),
        lambda word: f"{key.replace('on_unknown_', 'on_unknown.')} {word!r}",
        "only a stricter answer is allowed",
    )
    after = value.after(kept, said or general, node, locks, issues)
    return replace(after, said=kept.said or said is not None)


def _param_said(setting: Setting, name: str) -> Said | None:
    return (setting.params[name], setting.spans[name]) if name in setting.params else None


def _unknown_said(setting: Setting, key: str) -> Said | None:
    word = getattr(setting, key)
    return (word, setting.spans[key]) if word in UNKNOWN[key] else None
