"""Findings for a person in a terminal: the place, the line with a caret, what to do, a summary.

One rule at many places of a file is one finding with its places, and what a file cannot say is one
block for all its rules. Findings at ``observe`` are for leaders, so only their number is told here.
What was waived is only counted too: it stands in the file, with its reason.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from unicodedata import category, east_asian_width

from policies.engine.lint import FileReport
from policies.engine.report import Summary
from policies.findings import Enforcement, Result, Span
from policies.output.folding import Folded, Group, folded
from policies.output.renderer import Renderer, Style
from policies.phrases import listed

Paint = Callable[[str, str], str]

_COLORS = {"block": "red", "warn": "yellow", "observe": "blue"}
#: So many further places of one finding are told; the rest is counted.
_MOST_OTHERS = 4
#: So many rules are named after the one to start with.
_MOST_NEXT = 2
#: Width of a list of rules, as wide as a page of text.
_COLUMNS = 98
#: Longest excerpt of one line; beyond it the place alone must do.
_WIDEST = 160


def _part(file: FileReport, style: Style) -> str:
    paint = _paint if style.color else _plain
    lines: list[str] = []
    sources: dict[str, list[str]] = {}
    found = folded(file.findings, each_alone=style.each_alone)
    for group in found.groups:
        path = group.first.span.path
        if path not in sources:
            sources[path] = file.text_of(path).splitlines()
        lines.extend((*_group(group, sources[path], paint), ""))
    if found.untold:
        lines.extend((*_untold(file.path, found, paint), ""))
    return "".join(f"{line}\n" for line in lines)


def _whole(parts: Sequence[str], summary: Summary, style: Style) -> str:
    told = _summary(summary, _paint if style.color else _plain)
    return "".join((*parts, *(f"{line}\n" for line in told)))


TEXT: Final = Renderer(part=_part, whole=_whole)


def _group(group: Group, source: list[str], paint: Paint) -> Iterator[str]:
    finding = group.first
    span = finding.span
    level = paint(finding.enforcement.word, _COLORS[finding.enforcement.word])
    unsure = " (unknown)" if finding.result is Result.UNKNOWN else ""
    place = f"{span.path}:{span.line}:{span.column}"
    yield f"{place}: {level}: {paint(finding.rule, 'bold')}{unsure}: {_printable(finding.message)}"
    yield from _excerpt(span, source, paint)
    for related in finding.related:
        yield f"  also: {_beside(related.span, span)}: {_printable(related.note)}"
    for other in group.others[:_MOST_OTHERS]:
        yield f"  and:  {_beside(other.span, span)}: {_printable(other.message)}"
    if len(group.others) > _MOST_OTHERS:
        yield f"  and:  {len(group.others) - _MOST_OTHERS} more in this file; --each shows them"
    if finding.fix:
        yield f"  fix:  {_printable(finding.fix)}"
    if finding.docs:
        yield f"  docs: {finding.docs}"


def _beside(other: Span, first: Span) -> str:
    """A further place, without the path where it is the same."""
    return f"line {other.line}" if other.path == first.path else f"{other.path}:{other.line}"


def _untold(path: str, found: Folded, paint: Paint) -> Iterator[str]:
    """One block for all that the file cannot say: which rules, and where to say it."""
    rules = found.untold_rules
    words = "1 rule cannot" if len(rules) == 1 else f"{len(rules)} rules cannot"
    yield f"{path}: {paint('unknown', 'bold')}: {words} tell from this file"
    yield from _lines([*(f"{each}," for each in rules[:-1]), rules[-1]])
    yield "  fix:  Say in bakegate.yaml what the file cannot; --each tells what each rule misses."


def _lines(words: list[str]) -> Iterator[str]:
    """Words in indented lines of a page; ``textwrap`` looks longer for where to break."""
    line = " "
    for word in words:
        if line != " " and len(line) + 1 + len(word) > _COLUMNS:
            yield line
            line = " "
        line = f"{line} {word}"
    yield line


def _excerpt(span: Span, source: list[str], paint: Paint) -> Iterator[str]:
    """The line of the finding and a caret under it; nothing where the line cannot be shown."""
    if not 0 < span.line <= len(source) or len(source[span.line - 1]) > _WIDEST:
        return
    line = source[span.line - 1]
    margin = f"{span.line:>5} | "
    yield margin + _printable(line)
    end = span.end_column if span.end_line == span.line else len(line) + 1
    lead = "\t".join(" " * _columns(each) for each in line[: span.column - 1].split("\t"))
    marked = max(1, _columns(line[span.column - 1 : end - 1]))
    yield " " * (len(margin) - 2) + "| " + lead + paint("^" * marked, "bold")


def _summary(summary: Summary, paint: Paint) -> Iterator[str]:
    """How much of what, with what only cannot be told by itself, and where to start."""
    numbers = {
        Enforcement.BLOCK: summary.count(Enforcement.BLOCK),
        Enforcement.WARN: summary.count(Enforcement.WARN) - summary.untold,
        Enforcement.OBSERVE: summary.count(Enforcement.OBSERVE),
    }
    counts = [
        paint(f"{number} {level.word}", _COLORS[level.word])
        for level, number in numbers.items()
        if number
    ]
    rest = (("unknown", summary.untold), ("waived", summary.found.waived))
    more = [f"{number} {word}" for word, number in rest if number]
    number_of_files = summary.found.files
    files = f"{number_of_files} file{'' if number_of_files == 1 else 's'}"
    found = ", ".join((*counts, *more)) or "nothing found"
    yield f"{files}, ruleset {summary.ruleset}: {found}"
    if summary.first:
        (rule, number), *others = summary.first
        yield f"start with {rule} ({number}): bakegate explain {rule}"
        if others:
            told = [f"{rule} ({number})" for rule, number in others[:_MOST_NEXT]]
            yield f"then {listed(told)}"


def _printable(text: str) -> str:
    """Text of a file cannot steer the terminal: control characters become visible."""
    return text if text.isprintable() else "".join(_visible(each) for each in text)


def _visible(character: str) -> str:
    if character == "\t" or category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return "\N{REPLACEMENT CHARACTER}"


def _columns(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return len(text) + (0 if text.isascii() else sum(map(_is_wide, text)))


def _is_wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


def _plain(text: str, style: str) -> str:  # noqa: ARG001 - the same shape as the one with colour
    return text


def _paint(text: str, style: str) -> str:
    # Imported here because most runs write to a pipe and need no colour.
    from click import style as styled  # noqa: PLC0415 - see above

    return styled(text, bold=True) if style == "bold" else styled(text, fg=style)
