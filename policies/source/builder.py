"""What the parser says of one text into documents with places.

``Events`` follows the parser event by event and reads everything; ``Tree`` takes the parser's own
tree, which is faster, of texts that have nothing unusual in them. Here is what they share.
"""

from typing import Any, Final

from policies.findings import Span, span_of
from policies.source.comments import SPEAKS, Before, comments
from policies.source.nodes import Node, Scalar, Source, scalar_of

#: Most nodes after aliases are expanded.
MAX_NODES: Final = 300_000
#: Deepest nesting that is read.
MAX_DEPTH: Final = 100
#: How values are written that span lines as they stand.
BLOCK: Final = frozenset("|>")


class Builder:
    """What is known of one text while it is read."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.lines: list[str] = []
        self.doubled = False
        self.spoken_to = SPEAKS in text

    def sources(self, roots: list[Node], before: Before) -> list[Source]:
        """The documents that are not empty; ``before`` is only asked where we are spoken to."""
        written = [root for root in roots if not _empty(root)]
        if not self.spoken_to:
            return [Source(self.path, self.text, each, (), self.doubled) for each in written]
        starts = [root.span.line for root in written]
        found = comments(self.text, self.split(), starts, before)
        return [
            Source(self.path, self.text, root, tuple(found.get(index, ())), self.doubled)
            for index, root in enumerate(written)
        ]

    def split(self) -> list[str]:
        """The lines of the text."""
        if not self.lines:
            self.lines = self.text.split("\n")
        return self.lines

    def around(self, start: Any, end: Any, last: Node | None) -> Span:
        """Where a container stands; ``last`` is the last item of a block, and None of any other.

        The parser ends a block where the next token starts; readers end it with its words.
        """
        if last is None:
            end_line, end_column = end.line + 1, end.column + 1
        else:
            _, _, _, end_line, end_column = last[0]
        return span_of((self.path, start.line + 1, start.column + 1, end_line, end_column))

    def odd_scalar(self, said: Any, text: str, *, anchored: bool = False) -> Scalar:
        """A scalar that spans lines as they stand, or that has a tag or an anchor.

        ``said`` is an event of the parser or a node of its tree, which have the same words.
        """
        start, end, style, tag = said.start_mark, said.end_mark, said.style, said.tag
        if style in BLOCK:
            last, column = self._block_end(start.line, end.line)
            span = span_of((self.path, start.line + 1, start.column + 1, last, column))
        elif start.line >= len(self.split()):
            span = self._end()
        else:
            first = start.column
            if (tag or anchored) and not style and start.line == end.line:
                # The parser starts a value at its tag or anchor; its own words end where it ends.
                first = end.column - len(text)
            span = span_of((self.path, start.line + 1, first + 1, end.line + 1, end.column + 1))
        return scalar_of((span, text, not style, tag or ""))

    def _end(self) -> Span:
        """Behind the last character of the text."""
        lines = self.split()
        line, column = len(lines), len(lines[-1]) + 1
        return span_of((self.path, line, column, line, column))

    def _block_end(self, first: int, last: int) -> tuple[int, int]:
        """The end of the last written line of a block scalar, which the parser puts too late."""
        lines = self.split()
        last = min(last, len(lines))
        while last - 1 > first and not lines[last - 1].strip():
            last -= 1
        last = max(last, first + 1)
        return last, len(lines[last - 1]) + 1


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and not node.text
