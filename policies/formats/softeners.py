"""Words of a shell script that let a failure pass."""

import re
from typing import Final

from policies.classify import commands, tables
from policies.facts import Fact
from policies.findings import Span
from policies.patterns import pattern
from policies.source import Scalar

_PASSES: Final = pattern(r"\|\|\s*(?:true|:|exit 0)(?![\w/-])|^\s*set \+e", re.MULTILINE)
#: The output of a command that a script keeps in a variable.
_CAPTURED: Final = pattern(r"\w+=\"?\$\([^()]*(?:\([^()]*\)[^()]*)*\)")

#: What only ends a command that began above.
_ENDS: Final = frozenset({")", "}", "done", "fi", "esac"})
#: Commands that tidy up or ask, besides those that neither test nor deploy anything.
_TIDYING: Final = pattern(
    r"(?:docker|docker-compose|podman) (?:compose )?(?:-\S+ \S+ )*"
    r"(?:down|rm|rmi|stop|kill|logs|ps|(?:system|image|volume|network|builder) \w+)\b"
    r"|kubectl (?:delete|get|logs|describe)\b|(?:npm|yarn|pnpm) cache\b"
    r"|(?:kill|pkill|killall|wait)\b"
)


def softener(run: Scalar, lines: list[str]) -> Fact[str | None] | None:
    """The first such words of ``run``, at their place in ``lines`` of the file."""
    if "||" not in run.text and "set +e" not in run.text:
        return None
    words, before = _first(run.text)
    return Fact(words, _place(run, words, before, lines)) if words else None


def softening(run: str) -> str:
    """The first such words of a script; empty where there are none.

    Inside of ``x=$(...)`` they only let the script go on to look at what was said.
    """
    return _first(run)[0]


def _first(run: str) -> tuple[str, str]:
    """The words, and what stands in front of them on their line."""
    script = _CAPTURED.sub("", run) if "$(" in run else run
    begin = 0
    for match in _PASSES.finditer(script):
        start = match.start()
        if not (script[start] == "|" and _harmless(script[_break(script, begin, start) : start])):
            line = script[max(begin, script.rfind("\n", begin, start) + 1) : start]
            return match.group().strip(), line.strip()
        begin = match.end()
    return "", ""


def _break(script: str, begin: int, end: int) -> int:
    """Where the command that ends at ``end`` begins: after a line or a semicolon."""
    line = script.rfind("\n", begin, end)
    while line > 0 and script[line - 1] == "\\":
        line = script.rfind("\n", begin, line)
    return max(begin, line + 1, script.rfind(";", begin, end) + 1)


def _harmless(command: str) -> bool:
    """Whether a command that may fail only tidies up or asks: no test is lost with it."""
    words = command.split()
    if not words or words[0] in _ENDS:
        return False
    plain = tables().plain
    return all(
        word in plain or _TIDYING.match(f"{word} {rest}") for word, rest in commands(command)
    )


def _place(run: Scalar, words: str, before: str, lines: list[str]) -> Span:
    """Where the words stand; the script as a whole where its spelling breaks them apart."""
    span = run.span
    for number in range(span.line, span.end_line + 1):
        start = span.column - 1 if number == span.line else 0
        line = lines[number - 1]
        at = line.find(before, start)
        column = line.find(words, at + len(before)) + 1 if at >= 0 else 0
        if column:
            return Span(span.path, number, column, number, column + len(words))
    return span
