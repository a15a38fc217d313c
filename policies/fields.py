"""Facts out of a checked mapping: a value at its own place, an absence at its parent's key."""

from collections.abc import Callable
from typing import Any, TypeVar

from policies.facts import Fact
from policies.findings import Span
from policies.source import Mapping, Node, Scalar, Sequence
from policies.windows import Window, parse_windows

T = TypeVar("T")

#: Gives the text of a calendar file that a time window names; None where none can be had.
Calendars = Callable[[str], str] | None


class Fields:
    """A mapping whose form the schema has checked; ``span`` is the visible key that leads to it.

    What is below is made once: checks and readers of a file ask for the same lists many times.
    """

    __slots__ = ("_groups", "_lists", "_made", "_nothing", "name", "node", "span")

    def __init__(self, node: Mapping, span: Span, name: str = "") -> None:
        self.node = node
        self.span = span
        self.name = name
        self._nothing: Fact[Any] | None = None
        self._groups: dict[str, Fields | None] = {}
        self._lists: dict[str, tuple[Fields, ...]] = {}
        self._made: dict[Callable[[Fields], Any], Any] = {}

    @property
    def nothing(self) -> Fact[Any]:
        """The one fact of everything that is absent here."""
        if self._nothing is None:
            self._nothing = Fact(None, self.span)
        return self._nothing

    def once(self, make: "Callable[[Fields], T]") -> T:
        """What is made of this part, once for the checks and for the reader."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def required(self, key: str) -> Scalar:
        found = self.node.entries[key].value
        if not isinstance(found, Scalar):
            raise TypeError(f"{key} was checked to be text")
        return found

    def scalar(self, key: str) -> Scalar | None:
        entry = self.node.entries.get(key)
        return entry.value if entry and isinstance(entry.value, Scalar) else None

    def text(self, key: str, default: str = "") -> str:
        found = self.scalar(key)
        return found.text if found else default

    def fact(self, key: str, convert: Callable[[str], T]) -> Fact[T | None]:
        """The value at its own place, or an absence at the parent's visible key."""
        entry = self.node.entries.get(key)
        if entry and isinstance(entry.value, Scalar):
            return Fact(convert(entry.value.text), entry.value.span)
        return self.nothing

    def names(self, key: str) -> Fact[tuple[str, ...] | None]:
        found = self.node.get(key)
        return Fact(texts(found), self.place(key)) if found else self.nothing

    def flag(self, key: str) -> bool:
        return self.text(key).lower() == "true"

    def place(self, key: str) -> Span:
        entry = self.node.entries.get(key)
        if not entry:
            return self.span
        return entry.value.span if isinstance(entry.value, Scalar) else entry.key.span

    def group(self, key: str) -> "Fields | None":
        if key not in self._groups:
            entry = self.node.entries.get(key)
            inner = entry.value if entry else None
            self._groups[key] = (
                Fields(inner, entry.key.span, key) if entry and isinstance(inner, Mapping) else None
            )
        return self._groups[key]

    def named(self, key: str) -> "tuple[Fields, ...]":
        """The mappings of a mapping, each at the key that names it."""
        group = self.group(key)
        if group is None:
            return ()
        found = (group.group(name) for name in group.node.entries)
        return tuple(each for each in found if each)

    def listed(self, key: str) -> "tuple[Fields, ...]":
        """The mappings of a list, each at its ``name`` where it has one, else at its first key."""
        if key not in self._lists:
            found = self.node.get(key)
            items = found.items if isinstance(found, Sequence) else ()
            self._lists[key] = tuple(
                _item(each) for each in items if isinstance(each, Mapping) and each.entries
            )
        return self._lists[key]


def _item(item: Mapping) -> Fields:
    name = item.get("name")
    if isinstance(name, Scalar):
        return Fields(item, name.span, name.text)
    return Fields(item, next(iter(item.entries.values())).key.span)


def texts(node: Node | None) -> tuple[str, ...]:
    """The texts of a list, or of one text written without its list."""
    match node:
        case Sequence(items=items):
            return tuple(item.text for item in items if isinstance(item, Scalar))
        case Scalar(text=text) if text:
            return (text,)
        case _:
            return ()


def windows_of(fields: Fields, calendars: Calendars) -> tuple[Window, ...]:
    """The time windows of a place; raises DocumentError with all that is wrong in them."""
    node = fields.node.get("time_windows")
    return parse_windows(node, None, calendars=calendars) if node else ()
