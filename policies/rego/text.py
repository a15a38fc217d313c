"""A Rego module as text: its words without strings and comments, its package, what it calls."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from policies.findings import Span
from policies.frozen import dataclass

#: Strings and comments: nothing in them is code.
_NO_CODE: Final = re.compile(r'#[^\n]*|"(?:\\.|[^"\\\n])*"|`[^`]*`')
_PACKAGE: Final = re.compile(r"^package[ \t]+(?P<name>[^\s;]+)", re.MULTILINE)
_IMPORT: Final = re.compile(r"^import[ \t]+(?P<name>[\w.]+)", re.MULTILINE)
_CALL: Final = re.compile(r"(?<![\w.])(?P<name>[A-Za-z_][\w.]*)\(")
_DATA: Final = re.compile(r"(?<![\w.])(?<!import )data(?=[.\[])")
_HALF: Final = re.compile(r"^(?:default[ \t]+)?(?P<name>lint|gate)\b(?!\()", re.MULTILINE)
_FUNCTION: Final = re.compile(r"^(?:default[ \t]+)?(?P<name>[A-Za-z_]\w*)\(", re.MULTILINE)
_WITH: Final = re.compile(r"(?<![\w.])with(?=[ \t\n])")
_NAME: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?![\w.]*\()")
#: Everywhere that a name can get its value. What stands in a bracket is a list of names.
_BOUND: Final = (
    re.compile(r"(\w+)\s*:=|\[([^\]]*)\]\s*:?=(?!=)|\{([^{}]*)\}\s*:?=(?!=)"),
    re.compile(r"(?<![\w.])(?:some|every)\s([\w\s,]+?)(?:\sin\b|[\n;}])"),
    re.compile(r"^(?:default[ \t]+)?(\w+)(?:\(([^)]*)\))?", re.MULTILINE),
    re.compile(r"(?<=[\w\])])\[\s*(\w+)\s*\]"),
    re.compile(r"(?<![:!<>=])(?<=\s)(?:(\w+)\s*)?=(?!=)(?:\s*(\w+))?"),
    re.compile(r"walk\([^()]*(?:\[([^\[\]]*)\]|,\s*(\w+))\s*\)"),
)

#: Words of the language that are no names.
WORDS: Final = frozenset(
    {"as", "contains", "data", "default", "else", "every", "false", "if", "import", "in"}
    | {"input", "not", "null", "package", "some", "true", "with", "_"}
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the code and its place."""

    text: str
    span: Span


class ModuleText:
    """``code`` is the text with every string and comment blanked, character for character."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.code = _NO_CODE.sub(_blank, text)
        self.package = _PACKAGE.search(self.code)

    def words(self, pattern: re.Pattern[str]) -> Iterator[Word]:
        for match in pattern.finditer(self.code):
            group = "name" if "name" in pattern.groupindex else 0
            yield Word(match[group], self.span(match.start(group), match.end(group)))

    def imports(self) -> Iterator[Word]:
        return self.words(_IMPORT)

    def calls(self) -> Iterator[Word]:
        """Every function that is called and not defined in this module."""
        own = {word.text for word in self.words(_FUNCTION)}
        return (word for word in self.words(_CALL) if word.text not in own)

    def data(self) -> Iterator[Word]:
        return self.words(_DATA)

    def mocks(self) -> Iterator[Word]:
        """Every ``with``, by which a rule would change what it is asked about."""
        return self.words(_WITH)

    def unbound(self) -> Iterator[Word]:
        """Every name that nothing in the module gives a value.

        OPA refuses such a module. The interpreter takes the name for undefined, so that a slip of
        the pen would let everything pass.
        """
        bound = set(self.bound())
        seen = set()
        heads = {word.span.line for word in (*self.words(_PACKAGE), *self.imports())}
        for word in self.words(_NAME):
            if word.span.line in heads:
                continue
            if word.text not in bound and word.text not in WORDS and word.text not in seen:
                seen.add(word.text)
                yield word

    def bound(self) -> Iterator[str]:
        for pattern in _BOUND:
            for match in pattern.finditer(self.code):
                for group in match.groups():
                    yield from re.findall(r"\w+", group or "")

    def halves(self) -> frozenset[str]:
        """Which of ``lint`` and ``gate`` the module defines."""
        return frozenset(word.text for word in self.words(_HALF))

    def span(self, start: int, end: int) -> Span:
        """The place of characters of one line."""
        line = self.text.count("\n", 0, start) + 1
        column = start - self.text.rfind("\n", 0, start)
        return Span(self.path, line, column, line, column + end - start)

    def calling(self, names: Mapping[str, str]) -> str:
        """The same module, with other functions called in place of some; no line moves."""
        text = self.text
        for match in reversed(list(_CALL.finditer(self.code))):
            start, end = match.span("name")
            text = text[:start] + names.get(match["name"], match["name"]) + text[end:]
        return text

    def renamed(self, package: str) -> str:
        """The same module in another package; no line moves."""
        if self.package is None:
            return self.text
        start, end = self.package.span("name")
        return self.text[:start] + package + self.text[end:]


def _blank(match: re.Match[str]) -> str:
    """Spaces of the same length; a raw string keeps its line ends."""
    return re.sub(r"[^\n]", " ", match[0])
