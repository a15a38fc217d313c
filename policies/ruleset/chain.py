"""The rulesets of the nodes from the root of the tree to one of them, and what holds there.

Each node first speaks for itself: what it extends, in order, then its own file, in each the level
and then the last step of the schedule that has started. A node that says nothing about a value
leaves it as it is. Then the nodes merge as ``merging`` says.

A chain grows by one node at a time and shares what its parent merged, so that a tree of ten
thousand nodes merges each ruleset once.
"""

# ``threading.Lock`` is this one, and lint starts without the rest of that module.
from _thread import allocate_lock
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property, reduce
from typing import Final

from policies.documents import DocumentError, Issue
from policies.exceptions import NO_LIMITS, ExceptionPolicy
from policies.findings import Enforcement
from policies.frozen import dataclass, field, replace
from policies.organization import DEFAULT_ZONE
from policies.rules import CATALOGUE
from policies.ruleset.builtin import BUILTIN
from policies.ruleset.conflicts import CONCERNED, Standing, conflicts
from policies.ruleset.merging import Kept, Merged, below, level, level_said, plain_level, unsaid
from policies.ruleset.model import (
    Effective,
    Resolved,
    Ruleset,
    Setting,
    Step,
    StepKey,
    Targets,
    Upcoming,
)
from policies.ruleset.nodes import LEVEL, UNKNOWN, Node, Said
from policies.windows import Effect, Strength, WindowSet, for_release, next_change
from policies.windows import zone as zone_of

#: When each step came early because enough pipelines complied; only a service knows that.
Ready = Mapping[StepKey, datetime]
NOT_READY: Final[Ready] = {}

_CONCERNED: Final = tuple(each.id for each in CATALOGUE if each.id in CONCERNED)


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom and when: ``zone`` is that of the organization, whose days start there."""

    organization: str
    zone: str
    at: datetime
    ready: Ready = field(default_factory=dict)


#: What was resolved already, and most of it: each holds a ruleset as it is stored, up to 200 kB.
_known: Final[dict[tuple[object, ...], Resolved]] = {}
_MOST: Final = 128
_keeping: Final = allocate_lock()


class Chain:
    """One node with everything above it, merged as far as no date matters."""

    def __init__(self, parent: "Chain | None", node: Node | None = None) -> None:
        self.nodes: tuple[Node, ...] = (*parent.nodes, node) if parent and node else ()
        self.issues: tuple[Issue, ...] = parent.issues if parent else ()
        self.debate: str = parent.debate if parent else ""
        self.merged: dict[str, Merged] = dict(parent.merged) if parent else {}
        self._parent = parent
        self._kept: dict[str, Kept] = {}
        """The levels of the rules that changed here, schedules aside."""
        self._thaws: dict[tuple[str, datetime], datetime | None] = {}
        if node is None:
            self._keep(unsaid(each) for each in CATALOGUE)
        else:
            self._add(node)
        self.dated = tuple(each for each in self.merged.values() if each.dated)

    def below(self, path: str, ruleset: Ruleset) -> "Chain":
        """The chain of a node with a ruleset of its own."""
        return Chain(self, Node.of(path, ruleset))

    def resolved(self, asked: Asked) -> Resolved:
        """What holds; raises DocumentError with every lock that is broken and every conflict.

        Until a schedule changes a level it is the same object, and so is all that is worked out
        from it.
        """
        upcoming = min(self.changes(asked), default=None)
        key = (self, asked.organization, asked.zone, frozenset(asked.ready.items()), upcoming)
        known = _known.get(key)
        if known is None:
            known = self._resolved(asked)
            with _keeping:
                if len(_known) >= _MOST:
                    del _known[next(iter(_known))]
                _known[key] = known
        return known

    def _resolved(self, asked: Asked) -> Resolved:
        issues = [*self.issues, *self._unusable(asked.zone)]
        rules = dict(self.fixed)
        for merged in self.dated:
            kept = self._level(merged, asked, issues)
            rules[merged.rule.id] = self._effective(merged, kept, self._next(merged, kept, asked))
        rules = self._ordered(rules)
        issues.extend(self._conflicts({name: _standing(rules[name]) for name in _CONCERNED}))
        if issues:
            raise DocumentError(issues)
        return Resolved(
            name=self.nodes[-1].ruleset.name if self.nodes else "",
            organization=asked.organization,
            zone=asked.zone,
            rules=rules,
            placed=tuple(placed for node in self.nodes if (placed := node.windows())),
            exceptions=self.limits,
        )

    @cached_property
    def fixed(self) -> dict[str, Effective]:
        """All rules with their levels, schedules aside; what did not change here is the parent's.

        Worked out when it is asked for: of most chains, only the last node's is.
        """
        own = {
            name: self._effective(self.merged[name], kept, None)
            for name, kept in self._kept.items()
        }
        if not self._parent or len(own) == len(self.merged):
            return {name: own[name] for name in self.merged}
        return self._parent.fixed | own

    @cached_property
    def limits(self) -> ExceptionPolicy:
        """Limits on exceptions only tighten: what one of the files refuses is refused."""
        return reduce(
            ExceptionPolicy.tightened, (each.exceptions for each in self._files()), NO_LIMITS
        )

    @cached_property
    def owners(self) -> frozenset[str]:
        """Who owns a ruleset that applies here."""
        return frozenset(each.owner for each in self._files() if each.owner)

    def _files(self) -> Iterator[Ruleset]:
        return (each.ruleset for node in self.nodes for each in node.layers)

    def breaches(self, zone: str, organization: str) -> list[Issue]:
        """Broken locks and conflicts from the start or from a scheduled date on, past or to come.

        Readiness is not asked: what a step breaks on its date it also breaks when it comes early.
        """
        first = Asked(organization, zone, datetime.min.replace(tzinfo=UTC))
        found: dict[tuple[object, str], Issue] = {}
        for at in (first.at, *self.changes(first)):
            day = "" if at == first.at else f"from {at.astimezone(zone_of(zone)):%Y-%m-%d}: "
            for issue in self._broken(replace(first, at=at)):
                told = issue._replace(message=day + issue.message)
                found.setdefault((issue.span, issue.message), told)
        return list(found.values())

    def changes(self, asked: Asked) -> list[datetime]:
        """The instants after ``asked.at`` at which a schedule may change a level."""
        found = {start for each in self.dated for start in self._starts(each, asked)}
        return sorted(found)

    @property
    def targets(self) -> Targets | None:
        """How fast changes are meant to be, as the nearest node says."""
        said = [layer.ruleset.targets for node in self.nodes for layer in node.layers]
        return next((each for each in reversed(said) if each), None)

    @property
    def owner(self) -> str:
        """Who answers for the rules here, as the nearest node says.

        The makers of a built-in ruleset answer to nobody in the organization.
        """
        files = [layer.ruleset for node in self.nodes for layer in node.layers]
        said = [each.owner for each in files if each.path not in BUILTIN]
        return next((word for word in reversed(said) if word), "")

    def level_at(self, rule: str, asked: Asked) -> Enforcement:
        """The level of one rule at an instant, broken locks aside."""
        level_then: Enforcement = self._level(self.merged[rule], asked, []).value
        return level_then

    def steps(self, asked: Asked) -> Iterator[tuple[StepKey, Setting, Step, datetime | None]]:
        """Every scheduled step that covers the organization, and when it starts (None: held)."""
        return (each for each in self.every_step(asked) if each[2].covers(asked.organization))

    def every_step(self, asked: Asked) -> Iterator[tuple[StepKey, Setting, Step, datetime | None]]:
        """The same with those that cover only organizations below this one."""
        for merged in self.dated:
            for node in merged.nodes:
                for setting in node.settings(merged.rule.id):
                    for step in setting.schedule:
                        key = StepKey.of(node.path, merged.rule.id, step)
                        yield key, setting, step, self._start(node, setting, step, asked)

    @cached_property
    def subtrees(self) -> frozenset[str]:
        """Organizations that a step names: below one of them, the dates are others."""
        return frozenset(
            name
            for merged in self.dated
            for node in merged.nodes
            for setting in node.settings(merged.rule.id)
            for step in setting.schedule
            for name in step.organizations
        )

    def _add(self, node: Node) -> None:
        everything = node.last_word("debate") or bool(node.general)
        self.debate = node.last_word("debate") or self.debate
        new = self._introduced(node)
        self.merged |= new
        names = list(self.merged) if everything else sorted({*node.mentioned(), *new})
        issues: list[Issue] = []
        self._keep(below(self.merged[name], node, issues) for name in names)
        self.issues = (*self.issues, *issues)

    def _ordered(self, rules: dict[str, Effective]) -> dict[str, Effective]:
        """The catalogue in its order, then custom rules by their ids, whoever brought them in."""
        custom = [name for name, each in rules.items() if each.rule.module]
        if not custom:
            return rules
        catalogue = {name: each for name, each in rules.items() if not each.rule.module}
        return catalogue | {name: rules[name] for name in sorted(custom)}

    def _introduced(self, node: Node) -> dict[str, Merged]:
        """The custom rules that a node brings in, under what the nodes above say of all rules."""
        new = {}
        for rule in node.custom():
            if rule.id not in self.merged:
                merged = unsaid(rule)
                for above in self.nodes[:-1]:
                    merged = below(merged, above, [])
                new[rule.id] = merged
        return new

    def _keep(self, rules: Iterable[Merged]) -> None:
        """Take over merged rules; the level of one without dates is settled at once."""
        issues: list[Issue] = []
        for merged in rules:
            kept = level(merged, plain_level, issues if not merged.dated else [])
            self.merged[merged.rule.id] = merged
            self._kept[merged.rule.id] = kept
        self.issues = (*self.issues, *issues)

    def _broken(self, asked: Asked) -> list[Issue]:
        issues = [*self.issues]
        levels = {name: _standing(self.fixed[name]) for name in _CONCERNED}
        for merged in self.dated:
            kept = self._level(merged, asked, issues)
            if merged.rule.id in levels:
                levels[merged.rule.id] = Standing(kept.value, kept.origin.span)
        return [*issues, *self._conflicts(levels)]

    def _conflicts(self, levels: Mapping[str, Standing]) -> Iterator[Issue]:
        return conflicts(levels, self.nodes[-1].ruleset.span) if self.nodes else iter(())

    def _level(self, merged: Merged, asked: Asked, issues: list[Issue]) -> Kept:
        def said(node: Node, setting: Setting) -> Said | None:
            started = (
                number
                for number, step in enumerate(setting.schedule)
                if step.covers(asked.organization)
                and (start := self._start(node, setting, step, asked))
                and start <= asked.at
            )
            return level_said(setting, started)

        return level(merged, said, issues)

    def _starts(self, merged: Merged, asked: Asked) -> list[datetime]:
        """The instants from now on at which a schedule may change the level."""
        starts = {
            start
            for node in merged.nodes
            for setting in node.settings(merged.rule.id)
            for step in setting.schedule
            if step.covers(asked.organization)
            and (start := self._start(node, setting, step, asked))
            and start > asked.at
        }
        return sorted(starts)

    def _next(self, merged: Merged, now: Kept, asked: Asked) -> Upcoming | None:
        """The first instant at which a schedule changes the level; later errors wait for it."""
        for start in self._starts(merged, asked):
            then = self._level(merged, replace(asked, at=start), [])
            if then.value is not now.value:
                return Upcoming(start, then.value)
        return None

    def _start(self, node: Node, setting: Setting, step: Step, asked: Asked) -> datetime | None:
        """When a step starts: at the latest on its date, and never during a freeze.

        None while no end of the freeze is in sight.
        """
        start = step.starts_at(asked.zone)
        early = asked.ready.get(StepKey.of(node.path, setting.rule, step))
        return self._thawed(min(start, early) if early else start, asked.zone)

    def _thawed(self, start: datetime, zone: str) -> datetime | None:
        """The first instant from ``start`` on that no hard freeze of these nodes contains."""
        key = (zone, start)
        if key not in self._thaws:
            change = next_change(self._freezes(zone), start)
            self._thaws[key] = start if change.open else change.at
        return self._thaws[key]

    def _freezes(self, zone: str) -> tuple[WindowSet, ...]:
        """Hard ``deny`` windows that bind normal releases; a soft freeze holds nothing."""
        sets = [placed.set(zone) for node in self.nodes if (placed := node.windows())]
        hard = [
            WindowSet(
                each.place,
                tuple(
                    window
                    for window in each.windows
                    if window.effect is Effect.DENY and window.strength is not Strength.SOFT
                ),
            )
            for each in sets
        ]
        return for_release(hard, "normal")

    def _effective(self, merged: Merged, kept: Kept, upcoming: Upcoming | None) -> Effective:
        rule = merged.rule
        values = {name: each.value for name, each in merged.params.items()}
        origins = {name: each.origin for name, each in {**merged.unknown, **merged.params}.items()}
        return Effective(
            rule=rule,
            enforcement=kept.value,
            params=rule.params(**values),
            on_unknown_lint=merged.unknown["on_unknown_lint"].value,
            on_unknown_gate=merged.unknown["on_unknown_gate"].value,
            reason=merged.reason,
            debate=merged.debate or self.debate,
            set_by=kept.origin.by,
            locked=merged.locked - {*UNKNOWN},
            next=upcoming,
            origins={LEVEL: kept.origin, **origins},
        )

    def _unusable(self, zone: str) -> Iterator[Issue]:
        for node in self.nodes:
            yield from node.unusable_windows(zone)


@cache
def root_chain() -> Chain:
    """The chain of nobody: every rule as the catalogue has it."""
    return Chain(None)


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
    grown = root_chain()
    for path, ruleset in chain:
        grown = grown.below(path, ruleset)
    asked = organization if organization is not None else chain[-1][0] if chain else ""
    return grown.resolved(Asked(asked, zone, at))


def _standing(effective: Effective) -> Standing:
    return Standing(effective.enforcement, effective.origins[LEVEL].span)
