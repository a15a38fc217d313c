"""Comments that speak to Bakegate; the parser tells of none."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from policies.findings import Span
from policies.source.nodes import Comment

#: What a comment must say to be one of ours.
SPEAKS: Final = "bakegate:"


def comments(
    text: str, lines: Sequence[str], starts: Sequence[int], quiet: Sequence[Span]
) -> dict[int, list[Comment]]:
    """The comments of a text by the index of their document; ``starts`` are the first lines.

    ``quiet`` is where values stand, in the order of the text: no comment is inside of them.
    """
    found: dict[int, list[Comment]] = {}
    for number in _lines_with(SPEAKS, text):
        line = lines[number - 1]
        if column := _comment_column(line, number, quiet):
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


def _comment_column(line: str, number: int, quiet: Sequence[Span]) -> int:
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
