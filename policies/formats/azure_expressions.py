"""Template expressions of Azure Pipelines (``${{ }}``), as far as their values are in the files.

What a person may choose when he starts a run, and what only the run knows, has no value here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from policies.facts import UNKNOWN, Unknown
from policies.frozen import dataclass, field
from policies.patterns import pattern
from policies.source import Mapping as MappingNode
from policies.source import Node, Scalar

Value = str | bool | Node | Unknown

_EXPRESSION: Final = pattern(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN: Final = pattern(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z_][\w]*)|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<mark>[(),.\[\]]))"
)
#: Longest expression and deepest nesting that are evaluated.
_LONGEST: Final = 2_000
_DEEPEST: Final = 40
#: How many values a comparison has.
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Names:
    """What names stand for: parameters that were given, variables, and the items of loops."""

    parameters: Mapping[str, Node] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    loops: Mapping[str, Node] = field(default_factory=dict)


def whole(text: str) -> str | None:
    """The expression that a text is, without its marks; None where it is more or less than one."""
    stripped = text.strip()
    found = _EXPRESSION.fullmatch(stripped)
    return found[1].strip() if found and stripped.count("${{") == 1 else None


def filled(text: str, names: Names) -> str:
    """A text with every expression replaced that has a plain value."""
    if "${{" not in text or len(text) > _LONGEST * 10:
        return text

    def value(match: re.Match[str]) -> str:
        found = evaluate(match[1], names)
        if isinstance(found, bool):
            return "True" if found else "False"
        if isinstance(found, Scalar):
            return found.text
        return found if isinstance(found, str) else match[0]

    return _EXPRESSION.sub(value, text)


def evaluate(text: str, names: Names) -> Value:
    """The value of an expression; UNKNOWN where a part of it has none here."""
    if len(text) > _LONGEST:
        return UNKNOWN
    try:
        return _Parser(text, names).parse()
    except (SyntaxError, IndexError):
        # Azure Pipelines would refuse the text, or it is of a form that is not read here.
        return UNKNOWN


class _Parser:
    def __init__(self, text: str, names: Names) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.names = names
        self.at = 0
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise SyntaxError(text)
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()

    def parse(self) -> Value:
        found = self._term(0)
        if self.at != len(self.tokens):
            raise SyntaxError
        return found

    def _take(self) -> tuple[str, str]:
        self.at += 1
        return self.tokens[self.at - 1]

    def _next(self, mark: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] == ("mark", mark)

    def _term(self, depth: int) -> Value:
        if depth > _DEEPEST:
            raise SyntaxError
        kind, text = self._take()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return text
        if kind != "word":
            raise SyntaxError
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if self._next("("):
            return self._call(text.lower(), depth)
        return self._looked_up(text, depth)

    def _call(self, name: str, depth: int) -> Value:
        self._take()
        values: list[Value] = []
        while not self._next(")"):
            values.append(self._term(depth + 1))
            if self._next(","):
                self._take()
        self._take()
        function = _FUNCTIONS.get(name)
        return function(values) if function else UNKNOWN

    def _looked_up(self, root: str, depth: int) -> Value:
        path: list[str] = []
        while self._next(".") or self._next("["):
            if self._take()[1] == ".":
                path.append(self._take()[1])
            else:
                key = self._term(depth + 1)
                self._take()
                path.append(key if isinstance(key, str) else "")
        return self._named(root, path)

    def _named(self, root: str, path: list[str]) -> Value:
        if root == "variables" and path:
            return self.names.variables.get(".".join(path), UNKNOWN)
        if root == "parameters" and path:
            node = _any_case(self.names.parameters, path.pop(0))
        else:
            node = self.names.loops.get(root)
        for key in path:
            found = node.entries if isinstance(node, MappingNode) else {}
            node = next((each.value for name, each in found.items() if name == key), None)
        return UNKNOWN if node is None else node


def _any_case(table: Mapping[str, Node], name: str) -> Node | None:
    lowered = name.lower()
    return next((node for key, node in table.items() if key.lower() == lowered), None)


def _plain(value: Value) -> str | None:
    """A value as the text that comparisons see; None where it has none."""
    if isinstance(value, Scalar):
        value = value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.lower() if isinstance(value, str) else None


def truth(value: Value) -> bool | None:
    """Whether a condition holds; None where nobody knows."""
    text = _plain(value)
    return None if text is None else text not in ("false", "")


def _compared(test: Callable[[str, str], bool]) -> Callable[[list[Value]], Value]:
    def compare(values: list[Value]) -> Value:
        plain = [_plain(each) for each in values]
        left, right = plain if len(plain) == _TWO else (None, None)
        return UNKNOWN if left is None or right is None else test(left, right)

    return compare


def _and(values: list[Value]) -> Value:
    found = [truth(each) for each in values]
    if False in found:
        return False
    return UNKNOWN if None in found else True


def _or(values: list[Value]) -> Value:
    found = [truth(each) for each in values]
    if True in found:
        return True
    return UNKNOWN if None in found else False


def _not(values: list[Value]) -> Value:
    found = truth(values[0])
    return UNKNOWN if found is None else not found


def _in(values: list[Value]) -> Value:
    found = [_plain(each) for each in values]
    if found[0] is not None and found[0] in found[1:]:
        return True
    return UNKNOWN if None in found else False


_FUNCTIONS: Final[dict[str, Callable[[list[Value]], Value]]] = {
    "eq": _compared(lambda left, right: left == right),
    "ne": _compared(lambda left, right: left != right),
    "contains": _compared(lambda left, right: right in left),
    "startswith": _compared(lambda left, right: left.startswith(right)),
    "endswith": _compared(lambda left, right: left.endswith(right)),
    "and": _and,
    "or": _or,
    "not": _not,
    "in": _in,
}
