"""Parser events of one text into documents; bombs are bounded.

The nodes are built from events in a loop: the parser keeps its own stack, so that a file of many
thousand brackets meets ``MAX_DEPTH`` and not the end of the C stack. Aliases share nodes, so a text
that expands beyond ``MAX_NODES`` is refused before anything walks it.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final, NamedTuple

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
from policies.patterns import pattern
from policies.source.builder import BLOCK, MAX_DEPTH, MAX_NODES, Builder
from policies.source.nodes import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Source,
    SourceError,
    mapping_of,
    sequence_of,
)

_TOO_MANY: Final = f"more than {MAX_NODES:,} values with aliases expanded; use fewer aliases"
#: YAML 1.1 ends lines at these, editors do not; they pass the parser as private characters.
_BREAKS: Final = {0x85: 0xE085, 0x2028: 0xE428, 0x2029: 0xE429}
_BREAK: Final = pattern("[\x85\u2028\u2029]")
_UNBREAKS: Final = {private: real for real, private in _BREAKS.items()}
_EXPLICIT_KEY: Final = pattern(r"\?(?:\s|\Z)")


class _Read(NamedTuple):
    """A container or an alias: how many nodes it is with aliases expanded, and how deep."""

    node: Node
    weight: int
    height: int


def has_odd_lines(text: str) -> bool:
    """Whether the parser counts lines where editors do not.

    YAML 1.1 ends them at more characters. And the parser ends the last line in any case: what is
    missing at the end of a text, after ``? a`` for one, is a line below it.
    """
    if not text.endswith("\n") and _EXPLICIT_KEY.search(text):
        return True
    return not text.isascii() and bool(_BREAK.search(text))


class Events(Builder):
    """Parser events of one text into documents; ``shown`` is the text as its author sees it."""

    def __init__(self, text: str, path: str, shown: str | None = None) -> None:
        super().__init__(text if shown is None else shown, path)
        self.odd_lines = has_odd_lines(text)
        self.parser = yaml.CBaseLoader(text.translate(_BREAKS) if self.odd_lines else text)
        self.anchors: dict[str, _Read | None] = {}
        self.quiet: list[Span] = []
        """Where values stand, in the order of the text."""

    def build(self) -> list[Source]:
        """All documents of the text that are not empty.

        A file has thousands of events, so the container that is being read stands in variables:
        what opened it, its items, how many nodes stand below them, and how deep.
        """
        get: Callable[[], Any] = self.parser.get_event
        new: Any = tuple.__new__
        scalar, path, quiet, odd_lines = self._scalar, self.path, self.quiet, self.odd_lines
        opened: Any = None
        roots: list[Node] = []
        items, more, height = roots, 0, 1
        around: list[tuple[Any, list[Node], int, int]] = []
        while (event := get()) is not None:
            kind = type(event)
            if kind is ScalarEvent:
                style = event.style
                if style in BLOCK or event.tag or event.anchor or odd_lines:
                    items.append(scalar(event))
                    continue
                # What nearly all are is made here: the call took as long as all else for one.
                start, end = event.start_mark, event.end_mark
                span = new(
                    Span, (path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
                )
                items.append(new(Scalar, (span, event.value, not style, "")))
                quiet.append(span)
                continue
            if kind is MappingStartEvent or kind is SequenceStartEvent:
                if event.anchor or len(around) >= MAX_DEPTH:
                    self._open(event, len(around))
                around.append((opened, items, more, height))
                opened, items, more, height = event, [], 0, 1
                continue
            if kind is MappingEndEvent or kind is SequenceEndEvent:
                node = self._closed(opened, items, event)
                weight, inner = 1 + len(items) + more, height
                if opened.anchor or weight > MAX_NODES:
                    self._keep(opened, _Read(node, weight, inner))
                opened, items, more, height = around.pop()
            elif kind is AliasEvent:
                node, weight, inner = self._alias(event, len(around), len(items) + more)
            else:
                if kind is DocumentStartEvent:
                    self.anchors = {}
                continue
            items.append(node)
            more += weight - 1
            height = max(height, inner + 1)
        return self.sources(roots, self._before)

    def _before(self, line: int, column: int) -> Span | None:
        after = bisect_right(self.quiet, (line, column), key=lambda each: each[1:3])
        return self.quiet[after - 1] if after else None

    def _scalar(self, event: Any) -> Scalar:
        text = event.value.translate(_UNBREAKS) if self.odd_lines else event.value
        node = self.odd_scalar(event, text, anchored=bool(event.anchor))
        if node.span.line <= node.span.end_line:
            self.quiet.append(node.span)
        if event.anchor:
            self.anchors[event.anchor] = _Read(node, 1, 0)
        return node

    def _open(self, event: Any, depth: int) -> None:
        """Start a container; ``depth`` are those around it."""
        if depth >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels; flatten the file"
            raise self._refusal(event.start_mark, message)
        if event.anchor:
            self.anchors[event.anchor] = None

    def _closed(self, opened: Any, items: list[Node], event: Any) -> Node:
        """A container that has ended, from the event that opened it and its items."""
        last = None if opened.flow_style else items[-1]
        span = self.around(opened.start_mark, event.end_mark, last)
        if last and self.anchors:
            # Aliases point elsewhere in the text, so the end is the largest place after the start.
            path, line, column, _, _ = span
            end_line, end_column = max((line, column), *[node[0][3:] for node in items[-2:]])
            span = span_of((path, line, column, end_line, end_column))
        tag = opened.tag or ""
        if type(opened) is MappingStartEvent:
            return self._mapping(items, span, tag)
        return sequence_of((span, tuple(items), tag))

    def _mapping(self, items: list[Node], span: Span, tag: str) -> Mapping:
        entries: dict[str, Entry] = {}
        pairs = iter(items)
        for key in pairs:
            if type(key) is not Scalar:
                break
            entries[key[1]] = Entry(key, next(pairs))
        if 2 * len(entries) < len(items) or "<<" in entries:
            return self._odd_mapping(items, span, tag)
        return mapping_of((span, entries, (), tag))

    def _odd_mapping(self, items: list[Node], span: Span, tag: str) -> Mapping:
        """A mapping with merges, with keys that are written twice, or with keys that are none."""
        entries: dict[str, Entry] = {}
        duplicates: list[Scalar] = []
        merges: list[Node] = []
        pairs = iter(items)
        for key, value in zip(pairs, pairs, strict=True):
            if type(key) is not Scalar:
                raise SourceError(key.span, "a key must be one word or text, not a list or mapping")
            name = key.text
            if name == "<<" and key.plain:
                merges.append(value)
                continue
            if name in entries:
                duplicates.append(entries[name].key)
                self.doubled = True
            entries[name] = Entry(key, value)
        for merge in merges:
            self._merge(merge, entries)
        return mapping_of((span, entries, tuple(duplicates), tag))

    def _merge(self, merge: Node, entries: dict[str, Entry]) -> None:
        """Keys of the merged mappings that stand nowhere nearer; the first mapping wins."""
        for source in merge.items if isinstance(merge, Sequence) else (merge,):
            if not isinstance(source, Mapping):
                raise SourceError(source.span, "'<<' merges mappings only; give it an alias of one")
            for name, entry in source.entries.items():
                entries.setdefault(name, entry)

    def _keep(self, opened: Any, read: _Read) -> None:
        """Remember what aliases stand for; what is too large by itself is refused."""
        if read.weight > MAX_NODES:
            raise SourceError(read.node.span, _TOO_MANY)
        self.anchors[opened.anchor] = read

    def _alias(self, event: Any, depth: int, held: int) -> _Read:
        """What an alias stands for, in a container that already holds so many nodes."""
        name, mark = event.anchor, event.start_mark
        if name not in self.anchors:
            raise self._refusal(mark, f"no anchor &{name} before this; define it above")
        anchored = self.anchors[name]
        if anchored is None:
            raise self._refusal(mark, f"*{name} stands inside &{name} itself; write the part out")
        if depth + anchored.height > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels with aliases; flatten the file"
            raise self._refusal(mark, message)
        if depth and 1 + held + anchored.weight > MAX_NODES:
            raise self._refusal(mark, _TOO_MANY)
        return anchored

    def _refusal(self, mark: Any, message: str) -> SourceError:
        line, column = mark.line + 1, mark.column + 1
        return SourceError(Span(self.path, line, column, line, column), message)
