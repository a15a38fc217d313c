"""What one node of the organization tree says, over the files that make up its ruleset."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from policies.documents import DocumentError, Issue
from policies.findings import Span
from policies.frozen import dataclass
from policies.rule import AnyRule, specs
from policies.ruleset.model import ON_UNKNOWN_GATE, ON_UNKNOWN_LINT, PlacedWindows, Ruleset, Setting

#: The name of a rule's level among the names of what can be locked.
LEVEL: Final = "enforcement"
#: What unknown means, by the name of its field: the answers from the loosest to the strictest.
UNKNOWN: Final = {"on_unknown_lint": ON_UNKNOWN_LINT, "on_unknown_gate": ON_UNKNOWN_GATE}

Said = tuple[Any, Span]


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a node; ``above`` is the ``extends`` entry that brought it in."""

    ruleset: Ruleset
    settings: Mapping[str, Setting]
    above: Span | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A value, where the node's own file says it, and who said it in words."""

    value: Any
    span: Span
    by: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node with a ruleset: its files in the order in which they apply."""

    path: str
    layers: tuple[Layer, ...]
    general: Mapping[str, Statement]
    """What it says last of unknown for all rules, where it says something."""

    @classmethod
    def of(cls, path: str, ruleset: Ruleset) -> "Node":
        layers = tuple(
            Layer(each, {setting.rule: setting for setting in each.settings}, above)
            for each, above in ruleset.layers()
        )
        general = {
            key: Statement(word, layer.above or layer.ruleset.span, _by(path, layer.ruleset.span))
            for layer in layers
            for key, words in UNKNOWN.items()
            if (word := getattr(layer.ruleset, key)) in words
        }
        return cls(path, layers, general)

    @property
    def ruleset(self) -> Ruleset:
        return self.layers[-1].ruleset

    @property
    def place(self) -> str:
        """How messages name this node: a ruleset that is asked alone has no node."""
        return self.path or self.ruleset.path

    def settings(self, rule: str) -> list[Setting]:
        return [found for layer in self.layers if (found := layer.settings.get(rule))]

    def mentioned(self) -> set[str]:
        return {rule for layer in self.layers for rule in layer.settings}

    def custom(self) -> list[AnyRule]:
        """The custom rules that its files bring in, by their ids."""
        found = {rule.id: rule for layer in self.layers for rule in layer.ruleset.custom}
        return [found[name] for name in sorted(found)]

    def last(self, rule: str, pick: Callable[[Setting], Said | None]) -> Statement | None:
        """What this node says last; None where it says nothing."""
        found = None
        for layer in self.layers:
            setting = layer.settings.get(rule)
            said = pick(setting) if setting else None
            if said:
                value, span = said
                found = Statement(value, layer.above or span, _by(self.path, span))
        return found

    def last_word(self, key: str) -> str:
        """The last text under ``key`` of the files themselves: ``debate`` or ``owner``."""
        said = [getattr(layer.ruleset, key) for layer in self.layers]
        return next((word for word in reversed(said) if word), "")

    def locks(self, rule: AnyRule) -> frozenset[str]:
        names: set[str] = set()
        for setting in self.settings(rule.id):
            names |= setting.locked
            if setting.locks_all:
                names.update((LEVEL, *UNKNOWN, *(spec.name for spec in specs(rule.params))))
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


def _by(path: str, span: Span) -> str:
    """Who said something, in words."""
    where = f"{span.path}:{span.line}"
    return f"{path} ({where})" if path else where
