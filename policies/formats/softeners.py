"""Words of a shell script that let a failure pass."""

import re
from typing import Final

from policies.facts import Fact
from policies.findings import Span
from policies.source import Scalar

_PASSES: Final = re.compile(r"\|\|\s*(?:true|:|exit 0)(?![\w/-])|^\s*set \+e", re.MULTILINE)
#: The output of a command that a script keeps in a variable.
_CAPTURED: Final = re.compile(r"\w+=\"?\$\([^()]*(?:\([^()]*\)[^()]*)*\)")


def softener(run: Scalar, lines: list[str]) -> Fact[str | None] | None:
    """The first such words of ``run``, at their place in ``lines`` of the file."""
    if "||" not in run.text and "set +e" not in run.text:
        return None
    found = softening(run.text)
    return Fact(found, _place(run, found, lines)) if found else None


def softening(run: str) -> str:
    """The first such words of a script; empty where there are none.

    Inside of ``x=$(...)`` they only let the script go on to look at what was said.
    """
    match = _PASSES.search(_CAPTURED.sub("", run) if "$(" in run else run)
    return match.group().strip() if match else ""


def _place(run: Scalar, words: str, lines: list[str]) -> Span:
    """Where the words stand; the script as a whole where its spelling breaks them apart."""
    span = run.span
    for number in range(span.line, span.end_line + 1):
        start = span.column - 1 if number == span.line else 0
        column = lines[number - 1].find(words, start) + 1
        if column:
            return Span(span.path, number, column, number, column + len(words))
    return span
