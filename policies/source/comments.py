"""Comments that speak to Bakegate; the parser tells of none."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from policies.findings import Span
from policies.source.nodes import Comment

#: What a comment must say to be one of ours.
SPEAKS: Final = "bakegate:"


#: Where the last value stands that starts at a line and column or before, if one does.
Before = Callable[[int, int], Span | None]


def comments(
    text: str, lines: Sequence[str], starts: Sequence[int], before: Before
) -> dict[int, list[Comment]]:
    """The comments of a text by the index of their document; ``starts`` are the first lines.

    No comment is inside of a value, which ``before`` finds.
    """
    found: dict[int, list[Comment]] = {}
    for number in _lines_with(SPEAKS, text):
        line = lines[number - 1]
        if column := _comment_column(line, number, before):
            words = line[column:].strip()
            alone = not line[: column - 1].strip()
            index = max(bisect_right(starts, number) - 1, 0)
            found.setdefault(index, []).append(Comment(number, column, words, alone))
    return found


def _lines_with(words: str, text: str) -> Iterator[int]:
    """The numbers of the lines that have these words in them."""
    number, begin = 1, 0
    while (place := text.find(words, begin)) >= 0:
        number += text.count("\n", begin, place)
        yield number
        # The rest of the line says nothing new.
        begin = text.find("\n", place)
        if begin < 0:
            return


def _comment_column(line: str, number: int, before: Before) -> int:
    """The column of the ``#`` that starts a comment on this line, 0 where there is none."""
    for match in re.finditer(r"(?:^|(?<=\s))#", line):
        column = match.start() + 1
        # Values do not overlap, so only the last one that starts before the place can hold it.
        value = before(number, column)
        if value is None or not _hides(value, line, number, column):
            return column
    return 0


def _hides(span: Span, line: str, number: int, column: int) -> bool:
    if not span.contains(number, column):
        return False
    # The header line of a block scalar may end in a comment; quotes and words cannot hold it there.
    return not (number == span.line and line[span.column - 1] in "|>")
