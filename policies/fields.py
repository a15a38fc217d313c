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
    They ask a thousand times for a file, most often for what is not there, so each question looks
    a key up by itself and once.
    """

    __slots__ = ("_known", "_nothing", "entries", "name", "node", "span")

    def __init__(self, node: Mapping, span: Span, name: str = "") -> None:
        self.node = node
        self.entries = node.entries
        self.span = span
        self.name = name
        self._nothing: Fact[Any] | None = None
        self._known: dict[Any, Any] = {}

    @property
    def nothing(self) -> Fact[Any]:
        """The one fact of everything that is absent here."""
        if self._nothing is None:
            self._nothing = Fact(None, self.span)
        return self._nothing

    def once(self, make: "Callable[[Fields], T]") -> T:
        """What is made of this part, once for the checks and for the reader."""
        if make not in self._known:
            self._known[make] = make(self)
        made: T = self._known[make]
        return made

    def required(self, key: str) -> Scalar:
        found = self.entries[key].value
        if not isinstance(found, Scalar):
            raise TypeError(f"{key} was checked to be text")
        return found

    def scalar(self, key: str) -> Scalar | None:
        entry = self.entries.get(key)
        return entry.value if entry and isinstance(entry.value, Scalar) else None

    def text(self, key: str, default: str = "") -> str:
        entry = self.entries.get(key)
        return entry.value.text if entry and isinstance(entry.value, Scalar) else default

    def fact(self, key: str, convert: Callable[[str], T]) -> Fact[T | None]:
        """The value at its own place, or an absence at the parent's visible key."""
        entry = self.entries.get(key)
        if entry and isinstance(entry.value, Scalar):
            span, text, _, _ = entry.value
            return Fact(convert(text), span)
        return self._nothing or self.nothing

    def word(self, key: str) -> Fact[str | None]:
        """As ``fact``, of a text as it is."""
        entry = self.entries.get(key)
        if entry and isinstance(entry.value, Scalar):
            span, text, _, _ = entry.value
            return Fact(text, span)
        return self._nothing or self.nothing

    def texts(self, key: str) -> tuple[str, ...]:
        entry = self.entries.get(key)
        return texts(entry.value) if entry else ()

    def names(self, key: str) -> Fact[tuple[str, ...] | None]:
        entry = self.entries.get(key)
        return Fact(texts(entry.value), self.place(key)) if entry else self.nothing

    def flag(self, key: str) -> bool:
        return key in self.entries and self.text(key).lower() == "true"

    def place(self, key: str) -> Span:
        entry = self.entries.get(key)
        if not entry:
            return self.span
        return entry.value.span if isinstance(entry.value, Scalar) else entry.key.span

    def group(self, key: str) -> "Fields | None":
        entry = self.entries.get(key)
        if entry is None or not isinstance(entry.value, Mapping):
            return None
        if key not in self._known:
            self._known[key] = Fields(entry.value, entry.key.span, key)
        found: Fields = self._known[key]
        return found

    def named(self, key: str) -> "tuple[Fields, ...]":
        """The mappings of a mapping, each at the key that names it."""
        group = self.group(key)
        return group.once(_groups) if group else ()

    def listed(self, key: str) -> "tuple[Fields, ...]":
        """The mappings of a list, each at its ``name`` where it has one, else at its first key."""
        entry = self.entries.get(key)
        if entry is None or not isinstance(entry.value, Sequence):
            return ()
        if key not in self._known:
            items = [each for each in entry.value.items if isinstance(each, Mapping)]
            self._known[key] = tuple([_item(each) for each in items if each.entries])
        found: tuple[Fields, ...] = self._known[key]
        return found


def _groups(fields: Fields) -> tuple[Fields, ...]:
    found = [fields.group(name) for name in fields.entries]
    return tuple([each for each in found if each])


def _item(item: Mapping) -> Fields:
    name = item.get("name")
    if isinstance(name, Scalar):
        return Fields(item, name.span, name.text)
    return Fields(item, next(iter(item.entries.values())).key.span)


def texts(node: Node | None) -> tuple[str, ...]:
    """The texts of a list, or of one text written without its list."""
    if isinstance(node, Sequence):
        return tuple([item.text for item in node.items if isinstance(item, Scalar)])
    return (node.text,) if isinstance(node, Scalar) and node.text else ()


def windows_of(fields: Fields, calendars: Calendars) -> tuple[Window, ...]:
    """The time windows of a place; raises DocumentError with all that is wrong in them."""
    entry = fields.entries.get("time_windows")
    return parse_windows(entry.value, None, calendars=calendars) if entry else ()
