"""Ignores: comments beside one finding that set it aside, for a reason."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from policies.findings import Finding, Span
from policies.frozen import dataclass, field
from policies.patterns import pattern
from policies.plain import nearest
from policies.rules import CATALOGUE, rule
from policies.source import Comment, Source

_IGNORE: Final = pattern(r"#?\s*bakegate:\s*ignore\b\s*(?:\[(?P<rules>[^\]]*)\])?\s*(?P<reason>.*)")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One ``# bakegate: ignore[rule] reason``; ``line`` is the line that it speaks of."""

    span: Span
    line: int
    rules: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        return (
            finding.span.line == self.line
            and finding.rule in self.rules
            and finding.span.path == self.span.path
            and bool(self.reason)
        )


@dataclass(slots=True)
class Ignores:
    """The ignores of one file and which of their rules did something."""

    found: tuple[Ignore, ...]
    used: set[tuple[Ignore, str]] = field(default_factory=set)
    lines: frozenset[int] = field(init=False)
    """The lines that they speak of, of whatever file: few findings are on one."""

    def __post_init__(self) -> None:
        self.lines = frozenset([each.line for each in self.found])

    def covering(self, finding: Finding) -> str:
        """The words of the ignore that sets a finding aside; empty where none does."""
        for each in self.found:
            if each.covers(finding):
                self.used.add((each, finding.rule))
                return f"ignore on line {each.span.line}: {each.reason}"
        return ""

    def complaints(
        self, forbidden: frozenset[str], known: AbstractSet[str]
    ) -> Iterator[tuple[Ignore, str, str]]:
        """Every ignore that is not valid: the ignore, what is wrong, and what to do.

        ``known`` are the rules that were there to be ignored, custom ones among them.
        """
        for each in self.found:
            if not each.rules:
                yield each, "ignore names no rule", "write `# bakegate: ignore[rule] reason`"
            elif not each.reason:
                yield (
                    each,
                    "ignore has no reason",
                    "say after the bracket why it is right here",
                )
            else:
                for name in each.rules:
                    yield from self._complaint(each, name, forbidden, known)

    def _complaint(
        self, ignore: Ignore, name: str, forbidden: frozenset[str], known: AbstractSet[str]
    ) -> Iterator[tuple[Ignore, str, str]]:
        if rule(name) is None and name not in known:
            near = nearest(name, (*(each.id for each in CATALOGUE), *known))
            yield ignore, f"ignore names {name!r}, which is no rule{near}", "correct the name"
        elif name in forbidden:
            told = f"{name!r} cannot be ignored in this organization"
            yield ignore, told, "remove the comment and fix what the rule found"
        elif (ignore, name) not in self.used:
            told = f"ignore of {name!r} matches nothing on line {ignore.line}"
            yield ignore, told, "remove the comment, or move it to the line of the finding"


def read_ignores(*sources: Source | None) -> Ignores:
    """The ignores in the comments of a file and of those that it brings in.

    One alone on its line speaks of the line below.
    """
    return Ignores(tuple(each for source in sources if source for each in _ignores(source)))


def _ignores(source: Source) -> Iterator[Ignore]:
    alone = {each.line for each in source.comments if each.alone}
    for comment in source.comments:
        found = _ignore(source.path, comment, alone)
        if found:
            yield found


def _ignore(path: str, comment: Comment, alone: set[int]) -> Ignore | None:
    match = _IGNORE.fullmatch(comment.text.strip())
    if not match:
        return None
    line = comment.line
    # Several comments may stand above one line, each with an ignore of its own.
    while comment.alone and line in alone:
        line += 1
    end = comment.column + len(comment.text)
    span = Span(path, comment.line, comment.column, comment.line, end)
    names = tuple(name.strip() for name in (match["rules"] or "").split(",") if name.strip())
    return Ignore(span, line, names, match["reason"].strip())
