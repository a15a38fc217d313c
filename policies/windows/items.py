"""The keys of one mapping, read one by one, with every error collected at its place."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from policies.documents import Issue, nearest
from policies.findings import Span
from policies.frozen import dataclass
from policies.source import Mapping, Node, Scalar, Sequence

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Item:
    """A mapping that is being read; ``visible`` is where a missing key is reported."""

    node: Mapping
    visible: Span
    issues: list[Issue]

    def only(self, keys: Iterable[str]) -> None:
        """Report keys that nobody knows, and keys that stand twice."""
        known = tuple(keys)
        for entry in self.node.entries.values():
            if entry.key.text not in known:
                told = f"unknown key {entry.key.text!r}; {nearest(entry.key.text, known)}"
                self.tell(entry.key.span, told)
        for key in self.node.duplicates:
            self.tell(key.span, f"the key {key.text!r} stands twice; keep one")

    def tell(self, span: Span, message: str) -> None:
        self.issues.append(Issue(span, message))

    def value(self, key: str, parse: Callable[[str], T], *, needed: str = "") -> T | None:
        """The value of a key as ``parse`` reads its text; ``needed`` says what to write if missing.

        A ValueError of ``parse`` is reported at the value.
        """
        node = self.node.get(key)
        if node is None:
            if needed:
                self.tell(self.visible, f"{key!r} is missing; write {needed}")
            return None
        return self.scalar(node, parse)

    def scalar(self, node: Node, parse: Callable[[str], T]) -> T | None:
        if not isinstance(node, Scalar) or (node.plain and node.text in {"", "~", "null"}):
            self.tell(node.span, "text is expected here")
            return None
        try:
            return parse(node.text)
        except ValueError as error:
            self.tell(node.span, str(error))
            return None

    def word(self, key: str, words: type[E], *, needed: str = "") -> E | None:
        return self.value(key, lambda text: one_of(text, words), needed=needed)

    def items(self, key: str, *, example: str) -> tuple[Node, ...]:
        """The entries of a list that must not be empty."""
        node = self.node.get(key)
        if node is None:
            self.tell(self.visible, f"{key!r} is missing; write {example}")
            return ()
        if not isinstance(node, Sequence) or not node.items:
            self.tell(node.span, f"a list with entries is expected here; write {example}")
            return ()
        return node.items

    def inner(self, key: str, *, example: str) -> "Item | None":
        """The mapping under a key, whose own missing keys are reported at the key."""
        entry = self.node.entries[key]
        return self.child(entry.value, entry.key.span, example=example)

    def child(self, node: Node, visible: Span, *, example: str) -> "Item | None":
        if isinstance(node, Mapping):
            return Item(node, visible, self.issues)
        self.tell(node.span, f"a mapping is expected here; write {example}")
        return None


def one_of(text: str, words: type[E]) -> E:
    """The member of an enumeration; raises ValueError with those that there are."""
    try:
        return words(text)
    except ValueError:
        raise ValueError(f"unknown word {text!r}; {nearest(text, list(words))}") from None
