"""The nodes of a document with their places, and the plain values that they stand for.

Scalars keep their spelling: what ``yes`` or ``012`` means depends on the tool that owns the file.
``core_value`` is the reading of our own files, the YAML 1.2 core schema.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, overload

from policies.findings import Span
from policies.frozen import dataclass, field
from policies.patterns import pattern


class Scalar(NamedTuple):
    """A leaf as it is written. ``plain`` is false for quoted and block scalars."""

    span: Span
    text: str
    plain: bool
    tag: str = ""


class Entry:
    """A key and what it has.

    Readers ask for one key of five, so a key may be given as what it can be made of.
    """

    __slots__ = ("_key", "_make", "value")

    @overload
    def __init__(self, key: Scalar, value: "Node") -> None: ...
    @overload
    def __init__(self, key: Any, value: "Node", make: Callable[[Any], Scalar]) -> None: ...
    def __init__(
        self, key: Any, value: "Node", make: Callable[[Any], Scalar] | None = None
    ) -> None:
        self._key = key
        self._make = make
        self.value: Final = value

    @property
    def key(self) -> Scalar:
        if self._make is not None:
            self._key, self._make = self._make(self._key), None
        made: Scalar = self._key
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and (self.key, self.value) == (other.key, other.value)

    __hash__ = None  # type: ignore[assignment] # what a key has may be a mapping

    def __repr__(self) -> str:
        return f"Entry(key={self.key!r}, value={self.value!r})"


class Mapping(NamedTuple):
    """Keys in file order; of duplicate keys the last wins, the others stand in ``duplicates``."""

    span: Span
    entries: dict[str, Entry]
    duplicates: tuple[Scalar, ...] = ()
    tag: str = ""

    def get(self, key: str) -> "Node | None":
        entry = self.entries.get(key)
        return None if entry is None else entry.value


class Sequence(NamedTuple):
    span: Span
    items: "tuple[Node, ...]"
    tag: str = ""


Node = Scalar | Mapping | Sequence

#: All of their parts in order, in a third of the time: a file has thousands.
scalar_of: Final[Callable[[tuple[Span, str, bool, str]], Scalar]] = partial(tuple.__new__, Scalar)
mapping_of: Final[Callable[[tuple[Span, dict[str, Entry], tuple[Scalar, ...], str]], Mapping]] = (
    partial(tuple.__new__, Mapping)
)
sequence_of: Final[Callable[[tuple[Span, tuple[Node, ...], str]], Sequence]] = partial(
    tuple.__new__, Sequence
)


class SourceError(Exception):
    """A text that cannot be read, with the place and what to do next."""

    def __init__(self, span: Span, message: str, *, templated: bool = False) -> None:
        super().__init__(message)
        self.span = span
        self.message = message
        self.templated = templated


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment: where it starts, its words, and whether it stands alone on its line."""

    line: int
    column: int
    text: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Source:
    """One readable document of one file; ``text`` is the whole file with line feeds only."""

    path: str
    text: str
    root: Node
    comments: tuple[Comment, ...] = field(default=())
    doubled: bool = True
    """Whether some mapping of the file may have duplicates; most files have none."""


_INT: Final = pattern(r"[-+]?[0-9]+")
_BASED: Final = pattern(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = pattern(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
#: What a number starts with.
_NUMERIC: Final = frozenset("0123456789+-.")
#: Longest number that is read as one; a longer run of digits stays text.
_MAX_DIGITS: Final = 40


def core_value(node: Node) -> Any:
    """Plain Python data by the YAML 1.2 core schema: ``on`` is text and ``012`` is 12."""
    # Scalars are told apart before the call, because there are six of them to each container.
    if isinstance(node, Scalar):
        return _core_scalar(node)
    if isinstance(node, Mapping):
        return {
            name: _core_scalar(entry.value)
            if type(entry.value) is Scalar
            else core_value(entry.value)
            for name, entry in node.entries.items()
        }
    return [_core_scalar(item) if type(item) is Scalar else core_value(item) for item in node.items]


def _core_scalar(node: Scalar) -> Any:
    _, text, plain, tag = node
    if not plain or tag in ("!", "tag:yaml.org,2002:str"):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC or len(text) > _MAX_DIGITS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
