"""The parser's own tree of a text into documents, in three quarters of the time that events take.

The parser makes its tree in C, at the cost of the events alone. But it says nothing of anchors in
it, and it calls itself for what stands inside of something. So texts that are large or may have an
anchor are left to ``Events``, and so is what mappings rarely have: merges, and keys that stand
there twice or are no words.
"""

from bisect import bisect_right
from itertools import chain
from operator import is_
from typing import Any, Final

from yaml import CBaseLoader, ScalarNode, SequenceNode
from yaml._yaml import get_version

from policies.findings import Span
from policies.patterns import pattern
from policies.source.builder import BLOCK, MAX_DEPTH, MAX_NODES, Builder
from policies.source.events import has_odd_lines
from policies.source.nodes import (
    Entry,
    Node,
    Scalar,
    Source,
    mapping_of,
    sequence_of,
)

#: From here on the parser ends at a thousand lists in lists; it would meet the end of the C stack.
_BOUNDED: Final = get_version() >= (0, 2, 6)
#: Most characters: each stands for three nodes at most, as the colon of ``[:]`` does.
_LONGEST: Final = MAX_NODES // 3
#: An anchor may stand here. Nothing starts behind a letter, nor behind the ``>`` of ``2>&1``.
_ANCHOR: Final = pattern(r"&(?<![\w>&]&)[\w-]")
#: The tag without a name, which the tree does not tell from none.
_NAMELESS: Final = pattern(r"!(?<!\w!)(?=[\s,\]}]|\Z)")
#: Makes named tuples of all of their parts: a file has thousands of them.
_new: Final[Any] = tuple.__new__


class Unusual(Exception):
    """The text needs to be read event by event."""


class _Parser(CBaseLoader):
    """The parser, with answers to what it asks about each node."""

    def resolve(self, kind: type, value: str | None, implicit: object) -> str:  # noqa: ARG002 - the parser's signature
        """The tag of what has none: what a word means is up to the tool that owns the file."""
        return ""

    # Nothing depends on where a node stands, so these do nothing, in C: each is called for each.
    descend_resolver = is_  # type: ignore[assignment]
    ascend_resolver = tuple  # type: ignore[assignment]


def _start(said: Any) -> tuple[int, int]:
    mark = said.start_mark
    return mark.line + 1, mark.column + 1


class Tree(Builder):
    """The parser's tree of one text into documents; raises Unusual, or what the parser raises."""

    def build(self) -> list[Source]:
        text = self.text
        if not _BOUNDED or len(text) > _LONGEST or has_odd_lines(text):
            raise Unusual
        if _ANCHOR.search(text) or _NAMELESS.search(text):
            raise Unusual
        parser = _Parser(text)
        said = []
        while parser.check_node():
            said.append(parser.get_node())
        return self.sources(
            [self._node(root, 0) for root in said], lambda *place: self._before(said, place)
        )

    def _before(self, said: list[Any], place: tuple[int, int]) -> Span | None:
        """Where the scalar stands that may hold a place: the last that starts there or before."""
        while after := bisect_right(said, place, key=_start):
            last = said[after - 1]
            if type(last) is ScalarNode:
                return self._scalar(last).span
            inside = last.value
            said = inside if type(last) is SequenceNode else list(chain.from_iterable(inside))
        return None

    def _node(self, said: Any, depth: int) -> Node:
        """A node inside of so many containers."""
        if type(said) is ScalarNode:
            return self._scalar(said)
        if depth >= MAX_DEPTH:
            raise Unusual
        # Scalars are told apart before the call, because there are four of them to each container.
        scalar, node, inner = self._scalar, self._node, depth + 1
        if type(said) is SequenceNode:
            items = [
                scalar(each) if type(each) is ScalarNode else node(each, inner)
                for each in said.value
            ]
            last = items[-1] if items and not said.flow_style else None
            span = self.around(said.start_mark, said.end_mark, last)
            return sequence_of((span, tuple(items), said.tag))
        entries: dict[str, Entry] = {}
        value: Any = None
        for key, below in said.value:
            if type(key) is not ScalarNode:
                raise Unusual
            value = scalar(below) if type(below) is ScalarNode else node(below, inner)
            entries[key.value] = Entry(key, value, scalar)
        if len(entries) < len(said.value) or "<<" in entries:
            raise Unusual
        last = None if said.flow_style else value
        span = self.around(said.start_mark, said.end_mark, last)
        return mapping_of((span, entries, (), said.tag))

    def _scalar(self, said: Any) -> Scalar:
        style = said.style
        if style in BLOCK or said.tag:
            return self.odd_scalar(said, said.value)
        start, end = said.start_mark, said.end_mark
        span = _new(
            Span, (self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        )
        return _new(Scalar, (span, said.value, not style, ""))  # type: ignore[no-any-return]
