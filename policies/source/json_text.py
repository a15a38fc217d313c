"""JSON that the YAML parser refuses: surrogate pairs, long keys, a colon on the next line.

JSON is read as YAML first, which is fast and nearly a superset. What is wrong in both languages is
told by the YAML parser, so nothing here needs a message of its own.
"""

import json
from bisect import bisect_right
from typing import Final

from policies.findings import Span
from policies.patterns import pattern
from policies.source.builder import MAX_DEPTH, MAX_NODES
from policies.source.nodes import Entry, Mapping, Node, Scalar, Sequence, Source

_SPACE: Final = pattern(r"[ \t\n\r]*")
_WORD: Final = pattern(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_STRING: Final = pattern(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_HALF: Final = pattern("[\ud800-\udfff]")
_LINE: Final = pattern("\n")


class NotJson(Exception):
    """The text is no JSON, or too large of it."""


def read_json(text: str, path: str) -> Source:
    """The one document of a JSON text; raises NotJson."""
    reader = _Reader(text, path)
    root, end = reader.value(0, 0)
    if reader.skip(end) != len(text):
        raise NotJson
    return Source(path, text, root)


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.starts = [0, *(match.end() for match in _LINE.finditer(text))]
        self.count = 0

    def skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def span(self, start: int, end: int) -> Span:
        first = bisect_right(self.starts, start)
        last = bisect_right(self.starts, end)
        return Span(
            self.path,
            first,
            start - self.starts[first - 1] + 1,
            last,
            end - self.starts[last - 1] + 1,
        )

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        """The value that starts at or after a place, and where it ends."""
        at = self.skip(at)
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            raise NotJson
        match self.text[at : at + 1]:
            case "{":
                return self.mapping(at, depth)
            case "[":
                return self.sequence(at, depth)
            case '"':
                return self.string(at)
        word = _WORD.match(self.text, at)
        if word is None:
            raise NotJson
        return Scalar(self.span(at, word.end()), word.group(), plain=True), word.end()

    def string(self, at: int) -> tuple[Scalar, int]:
        match = _STRING.match(self.text, at)
        if match is None:
            raise NotJson
        try:
            text: str = json.loads(match.group())
        except ValueError as error:
            raise NotJson from error
        # Half of a pair of surrogates is no character and could not be written out again.
        return Scalar(
            self.span(at, match.end()), _HALF.sub("\ufffd", text), plain=False
        ), match.end()

    def mapping(self, at: int, depth: int) -> tuple[Mapping, int]:
        entries: dict[str, Entry] = {}
        duplicates: list[Scalar] = []
        end = self.skip(at + 1)
        while self.text[end : end + 1] != "}":
            if entries:
                end = self.skip(self._after(end, ","))
            key, end = self.string(end)
            value, end = self.value(self._after(self.skip(end), ":"), depth + 1)
            if key.text in entries:
                duplicates.append(entries[key.text].key)
            entries[key.text] = Entry(key, value)
            end = self.skip(end)
        return Mapping(self.span(at, end + 1), entries, tuple(duplicates)), end + 1

    def sequence(self, at: int, depth: int) -> tuple[Sequence, int]:
        items: list[Node] = []
        end = self.skip(at + 1)
        while self.text[end : end + 1] != "]":
            if items:
                end = self._after(end, ",")
            value, end = self.value(end, depth + 1)
            items.append(value)
            end = self.skip(end)
        return Sequence(self.span(at, end + 1), tuple(items)), end + 1

    def _after(self, at: int, mark: str) -> int:
        if self.text[at : at + 1] != mark:
            raise NotJson
        return at + 1
