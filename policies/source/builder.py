"""Parser events of one text into documents; comments are kept for ignores; bombs are bounded.

The nodes are built from events in a loop: the parser keeps its own stack, so that a file of many
thousand brackets meets ``MAX_DEPTH`` and not the end of the C stack. Aliases share nodes, so a text
that expands beyond ``MAX_NODES`` is refused before anything walks it.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from policies.findings import Span, span_of
from policies.source.nodes import (
    Comment,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Source,
    SourceError,
    entry_of,
    scalar_of,
)

#: Most nodes after aliases are expanded.
MAX_NODES: Final = 300_000
_TOO_MANY: Final = f"more than {MAX_NODES:,} values with aliases expanded; use fewer aliases"
#: Deepest nesting that is read.
MAX_DEPTH: Final = 100


#: YAML 1.1 ends lines at these, editors do not; they pass the parser as private characters.
_BREAKS: Final = {0x85: 0xE085, 0x2028: 0xE428, 0x2029: 0xE429}
_BREAK: Final = re.compile("[\x85\u2028\u2029]")
_UNBREAKS: Final = {private: real for real, private in _BREAKS.items()}


@dataclass(slots=True)
class _Frame:
    """A container that is being read.

    ``more`` counts the nodes inside of its containers and aliases, which ``items`` does not show.
    """

    line: int
    column: int
    anchor: str | None
    tag: str
    mapping: bool
    flow: bool
    items: list[Node] = field(default_factory=list)
    more: int = 0
    height: int = 1

    @property
    def weight(self) -> int:
        """How many nodes it stands for with aliases expanded, itself included."""
        return 1 + len(self.items) + self.more


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    weight: int
    height: int


class Builder:
    """Parser events of one text into documents."""

    def __init__(self, text: str, path: str, shown: str | None = None) -> None:
        self.text = text if shown is None else shown
        self.path = path
        self.lines: list[str] = []
        self.broken = bool(_BREAK.search(text))
        self.parser = yaml.CBaseLoader(text.translate(_BREAKS) if self.broken else text)
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchored | None] = {}
        self.total = 0
        self.roots: list[Node] = []
        self.quiet: list[Span] | None = [] if "bakegate:" in text else None

    def build(self) -> list[Source]:
        get, scalar, add = self.parser.get_event, self._scalar, self.roots.append
        while (event := get()) is not None:
            kind = type(event)
            if kind is ScalarEvent:
                add(scalar(event))
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                add = self._open(event, mapping=kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                add = self._close(event.end_mark)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                self.anchors = {}
        written = [root for root in self.roots if not _empty(root)]
        found = self._comments(written)
        return [
            Source(self.path, self.text, root, tuple(found.get(index, ())))
            for index, root in enumerate(written)
        ]

    def _scalar(self, event: Any) -> Scalar:
        start, end, style, text, tag = (
            event.start_mark,
            event.end_mark,
            event.style,
            event.value,
            event.tag,
        )
        if style == "|" or style == ">":  # noqa: PLR1714 - asked of every value of every file
            last, column = self._block_end(start.line, end.line)
            span = span_of((self.path, start.line + 1, start.column + 1, last, column))
        else:
            first = start.column
            if (tag or event.anchor) and not style and start.line == end.line:
                # The parser starts a value at its tag or anchor; its own words end where it ends.
                first = end.column - len(text)
            span = span_of((self.path, start.line + 1, first + 1, end.line + 1, end.column + 1))
        if self.quiet is not None and span.line <= span.end_line:
            self.quiet.append(span)
        if self.broken:
            text = text.translate(_UNBREAKS)
        node = scalar_of((span, text, not style, tag or ""))
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(node, 1, 0)
        return node

    def _block_end(self, first: int, last: int) -> tuple[int, int]:
        """The end of the last written line of a block scalar, which the parser puts too late."""
        if not self.lines:
            self.lines = self.text.split("\n")
        last = min(last, len(self.lines))
        while last - 1 > first and not self.lines[last - 1].strip():
            last -= 1
        last = max(last, first + 1)
        return last, len(self.lines[last - 1]) + 1

    def _open(self, event: Any, *, mapping: bool) -> Callable[[Node], None]:
        """Start a container; what is read next is added to it."""
        mark = event.start_mark
        if len(self.frames) >= MAX_DEPTH:
            raise self._refusal(mark, f"nested deeper than {MAX_DEPTH} levels; flatten the file")
        if event.anchor:
            self.anchors[event.anchor] = None
        flow = bool(event.flow_style)
        frame = _Frame(mark.line + 1, mark.column + 1, event.anchor, event.tag or "", mapping, flow)
        self.frames.append(frame)
        return frame.items.append

    def _close(self, mark: Any) -> Callable[[Node], None]:
        """End a container; what is read next is added to the one around it."""
        frame = self.frames.pop()
        if frame.flow:
            line, column = mark.line + 1, mark.column + 1
        elif frame.items:
            # The parser ends a block where the next token starts; readers end it with its words.
            line, column = self._last_place(frame)
        else:
            line, column = frame.line, frame.column
        span = span_of((self.path, frame.line, frame.column, line, column))
        node = (
            self._mapping(frame, span)
            if frame.mapping
            else Sequence(span, tuple(frame.items), frame.tag)
        )
        if frame.weight > MAX_NODES:
            raise SourceError(span, _TOO_MANY)
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchored(node, frame.weight, frame.height)
        return self._add(node, frame.weight, frame.height)

    def _last_place(self, frame: _Frame) -> tuple[int, int]:
        """Aliases point elsewhere in the text, so the end is the largest place after the start."""
        return max((frame.line, frame.column), *(node.span[3:] for node in frame.items[-2:]))

    def _alias(self, event: Any) -> None:
        name, mark = event.anchor, event.start_mark
        if name not in self.anchors:
            raise self._refusal(mark, f"no anchor &{name} before this; define it above")
        anchored = self.anchors[name]
        if anchored is None:
            raise self._refusal(mark, f"*{name} stands inside &{name} itself; write the part out")
        if len(self.frames) + anchored.height > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels with aliases; flatten the file"
            raise self._refusal(mark, message)
        self._add(anchored.node, anchored.weight, anchored.height)
        if self.frames and self.frames[-1].weight > MAX_NODES:
            raise self._refusal(mark, _TOO_MANY)

    def _add(self, node: Node, weight: int, height: int) -> Callable[[Node], None]:
        """Put a container or an alias where it belongs; returns what adds its next neighbour."""
        if not self.frames:
            self.roots.append(node)
            return self.roots.append
        frame = self.frames[-1]
        frame.items.append(node)
        frame.more += weight - 1
        if height >= frame.height:
            frame.height = height + 1
        return frame.items.append

    def _refusal(self, mark: Any, message: str) -> SourceError:
        line, column = mark.line + 1, mark.column + 1
        return SourceError(Span(self.path, line, column, line, column), message)

    def _mapping(self, frame: _Frame, span: Span) -> Mapping:
        entries: dict[str, Entry] = {}
        duplicates: list[Scalar] = []
        merges: list[Node] = []
        items = frame.items
        for index in range(0, len(items), 2):
            key, value = items[index], items[index + 1]
            if not isinstance(key, Scalar):
                raise SourceError(key.span, "a key must be one word or text, not a list or mapping")
            name = key.text
            if name == "<<" and key.plain:
                merges.append(value)
                continue
            if name in entries:
                duplicates.append(entries[name].key)
            entries[name] = entry_of((key, value))
        for merge in merges:
            self._merge(merge, entries)
        return Mapping(span, entries, tuple(duplicates), frame.tag)

    def _merge(self, merge: Node, entries: dict[str, Entry]) -> None:
        """Keys of the merged mappings that stand nowhere nearer; the first mapping wins."""
        for source in merge.items if isinstance(merge, Sequence) else (merge,):
            if not isinstance(source, Mapping):
                raise SourceError(source.span, "'<<' merges mappings only; give it an alias of one")
            for name, entry in source.entries.items():
                entries.setdefault(name, entry)

    def _comments(self, roots: list[Node]) -> dict[int, list[Comment]]:
        """Comments that speak to Bakegate, by the index of their document."""
        found: dict[int, list[Comment]] = {}
        if self.quiet is None or not roots:
            return found
        quiet = self.quiet  # In the order of the text, as the parser gives them.
        starts = [root.span.line for root in roots]
        for number, line in enumerate(self.text.split("\n"), start=1):
            if "bakegate:" in line and (column := _comment_column(line, number, quiet)):
                words = line[column:].strip()
                alone = not line[: column - 1].strip()
                index = max(bisect_right(starts, number) - 1, 0)
                found.setdefault(index, []).append(Comment(number, column, words, alone))
        return found


def _comment_column(line: str, number: int, quiet: list[Span]) -> int:
    """The column of the ``#`` that starts a comment on this line, 0 where there is none."""
    for match in re.finditer(r"(?:^|(?<=\s))#", line):
        column = match.start() + 1
        after = bisect_right(quiet, Span(quiet[0].path, number, column, 1 << 60, 0)) if quiet else 0
        # Scalars do not overlap, so only the last one that starts before the place can hold it.
        if not after or not _hides(quiet[after - 1], line, number, column):
            return column
    return 0


def _hides(span: Span, line: str, number: int, column: int) -> bool:
    if not span.contains(number, column):
        return False
    # The header line of a block scalar may end in a comment; quotes and words cannot hold it there.
    return not (number == span.line and line[span.column - 1] in "|>")


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and not node.text
