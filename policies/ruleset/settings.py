"""The entries of ``rules:`` in a ruleset file: ids, levels, parameters, locks and schedules."""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingOf
from datetime import date
from typing import Any, Final, TypeVar

from policies.documents import Issue
from policies.durations import parse_share
from policies.findings import Enforcement, Span
from policies.frozen import dataclass
from policies.plain import nearest, parse_day
from policies.rule import AnyRule, ParamSpec, specs
from policies.rules import CATALOGUE, rule
from policies.ruleset.model import Setting, Step
from policies.ruleset.values import parse_value
from policies.source import Mapping, Node, Scalar, Sequence, core_value

T = TypeVar("T")

#: Custom rules that a file may name, by their ids.
CustomRules = MappingOf[str, AnyRule]
NO_CUSTOM: Final[CustomRules] = {}

#: Years in which something can begin; beyond them, time itself runs out of numbers.
_YEARS: Final = range(1970, 3000)
_LEVELS: Final = tuple(level.word for level in Enforcement)


@dataclass(slots=True)
class NodeReader:
    """A node of a file that is being read; what has the wrong form reads as nothing.

    The schema has told of a wrong form already; this reader only adds what no schema can say.
    """

    node: Node
    issues: list[Issue]

    def child(self, key: str) -> Node | None:
        return self.node.get(key) if isinstance(self.node, Mapping) else None

    def mapping(self, key: str) -> "NodeReader":
        return NodeReader(self.child(key) or Mapping(self.node.span, {}), self.issues)

    def entries(self) -> Iterator[tuple[Scalar, Node]]:
        if isinstance(self.node, Mapping):
            for entry in self.node.entries.values():
                yield entry.key, entry.value

    def text(self, key: str) -> str:
        node = self.child(key)
        return node.text if isinstance(node, Scalar) else ""

    def texts(self, key: str) -> list[tuple[Scalar, str]]:
        node = self.child(key)
        items = node.items if isinstance(node, Sequence) else ()
        return [(each, each.text) for each in items if isinstance(each, Scalar)]

    def items(self, key: str) -> "list[NodeReader]":
        node = self.child(key)
        items = node.items if isinstance(node, Sequence) else ()
        return [NodeReader(each, self.issues) for each in items]

    def parsed(self, key: str, parse: Callable[[str], T]) -> T | None:
        """The text under ``key`` as ``parse`` reads it; its ValueError becomes an error here."""
        node = self.child(key)
        if not isinstance(node, Scalar):
            return None
        try:
            return parse(node.text)
        except (ValueError, OverflowError) as error:
            self.issues.append(Issue(node.span, str(error)))
            return None

    def rule_ids(self, key: str, custom: CustomRules) -> list[str]:
        found = self.texts(key)
        for node, name in found:
            if rule(name) is None and name not in custom:
                self.issues.append(Issue(node.span, no_rule(name, custom)))
        return [name for _, name in found]


def read_settings(rules: NodeReader, custom: CustomRules) -> tuple[Setting, ...]:
    found = []
    for key, node in rules.entries():
        known = rule(key.text) or custom.get(key.text)
        if known is None:
            rules.issues.append(Issue(key.span, no_rule(key.text, custom)))
        else:
            found.append(_setting(known, key, node, rules.issues))
    return tuple(found)


def no_rule(name: str, custom: Iterable[str] = ()) -> str:
    """The words about a rule id that is none."""
    near = nearest(name, (*(each.id for each in CATALOGUE), *custom))
    return f"there is no rule {name!r}{near or '; `bakegate rules` lists all'}"


def _setting(known: AnyRule, key: Scalar, node: Node, issues: list[Issue]) -> Setting:
    if isinstance(node, Scalar):
        level = _level(node.text)
        return Setting(known.id, key.span, level, spans={"enforcement": node.span})
    reader = NodeReader(node, issues)
    params, spans = _params(known, reader.mapping("parameters"))
    unknown = reader.mapping("on_unknown")
    for name, said in (
        ("enforcement", reader.child("enforcement")),
        ("on_unknown_lint", unknown.child("lint")),
        ("on_unknown_gate", unknown.child("gate")),
    ):
        if said:
            spans[name] = said.span
    return Setting(
        rule=known.id,
        span=key.span,
        enforcement=_level(reader.text("enforcement")),
        params=params,
        spans=spans,
        locks_all=reader.text("locked") == "true",
        locked=_locked(known, reader),
        on_unknown_lint=unknown.text("lint"),
        on_unknown_gate=unknown.text("gate"),
        reason=reader.text("reason"),
        debate=reader.text("debate"),
        schedule=_schedule(reader.mapping("schedule")),
        announced=reader.mapping("schedule").parsed("announced", parse_day),
        ready_when=reader.mapping("schedule").parsed("ready_when", parse_share),
    )


def _level(word: str) -> Enforcement | None:
    return Enforcement.of(word) if word in _LEVELS else None


def _params(known: AnyRule, reader: NodeReader) -> tuple[dict[str, Any], dict[str, Span]]:
    declared = {spec.name: spec for spec in specs(known.params)}
    values: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    for key, node in reader.entries():
        spec = declared.get(key.text)
        if spec is None:
            told = _no_param(known, key.text, declared)
            reader.issues.append(Issue(key.span, told))
            continue
        try:
            values[spec.name] = parse_value(spec, core_value(node))
            spans[spec.name] = node.span
        except ValueError as error:
            reader.issues.append(Issue(node.span, f"{known.id}, {spec.name}: {error}"))
    return values, spans


def _no_param(known: AnyRule, name: str, declared: dict[str, ParamSpec]) -> str:
    near = nearest(name, declared)
    listed = f"; it has {', '.join(declared)}" if declared else "; it has none"
    return f"rule {known.id!r} has no parameter {name!r}{near or listed}"


def _locked(known: AnyRule, reader: NodeReader) -> frozenset[str]:
    declared = {spec.name: spec for spec in specs(known.params)}
    found = reader.texts("locked")
    for node, name in found:
        if name not in declared:
            reader.issues.append(Issue(node.span, _no_param(known, name, declared)))
    return frozenset(name for _, name in found)


def _schedule(reader: NodeReader) -> tuple[Step, ...]:
    steps = []
    for each in reader.items("steps"):
        start = each.parsed("from", _start)
        level = _level(each.text("enforcement"))
        if start and level is not None:
            subtrees = tuple(name for _, name in each.texts("organizations"))
            steps.append(Step(start, level, subtrees, each.node.span))
    return tuple(sorted(steps, key=lambda step: step.start))


def _start(text: str) -> date:
    """A day that windows can be asked about, some years ahead included; raises ValueError."""
    day = parse_day(text)
    if day.year not in _YEARS:
        raise ValueError(f"{text!r} is no day of a schedule; write one like 2026-12-08")
    return day
