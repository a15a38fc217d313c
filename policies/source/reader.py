"""A file's bytes into documents, and every way in which that can fail into a located sentence."""

import re
from contextlib import suppress
from typing import Final

import yaml

from policies.findings import Span
from policies.patterns import pattern
from policies.source.events import Events
from policies.source.json_text import NotJson, read_json
from policies.source.nodes import Source, SourceError
from policies.source.tree import Tree, Unusual

#: Largest file that is read, in bytes. A workflow of 10,000 jobs is about 1 MB.
MAX_BYTES: Final = 4_000_000
#: Template marks where they stop a text from being YAML; inside a plain value they would not.
_TEMPLATE: Final = pattern(
    r"\{%|<%|[ =:]%[A-Z][A-Z_]+%|(?:^|[:\-,\[{] )[ \t]*\{\{|\"\{\{[^\n]*\"[^\n]*\}\}", re.MULTILINE
)
#: A tab before the end of a line means nothing, yet the parser stumbles over it.
_TRAILING_TAB: Final = pattern(r"(?<=[:\-?])[ \t]*\t[ \t]*$", re.MULTILINE)
#: Words of the parser's complaints, and what to do about each.
_ADVICE: Final = (
    ("cannot start any token", "indent with spaces and quote values that start with @, ` or %"),
    ("unknown escape", "write a backslash inside double quotes twice, or use single quotes"),
    ("mapping values are not allowed", "quote the value that contains ': '"),
    ("could not find expected ':'", "end the key before this place with ':'"),
    ("unexpected end of stream", "close the quote that is opened here"),
    ("did not find expected key", "indent this line like its neighbours, or quote the value above"),
    ("did not find expected '-'", "start this line with '- ' like its neighbours"),
    ("did not find expected ',' or", "close the bracket, or put a comma here"),
    ("nesting depth", "flatten the file"),
    ("special characters", "remove the control character"),
    ("control characters", "remove the control character"),
)


def read(text: bytes | str, path: str) -> list[Source]:
    """All documents of a YAML or JSON text; an empty document between others is left out.

    Raises SourceError; its ``templated`` is true where the text is a template (Helm, Jinja) that
    becomes YAML only when a tool renders it.
    """
    plain = _decoded(text, path)
    try:
        sources = _documents(plain, path)
    except SourceError as error:
        if error.templated or not _TEMPLATE.search(plain):
            raise
        message = "this is a template (Helm, Jinja) that is not YAML yet; check what it renders to"
        raise SourceError(error.span, message, templated=True) from error
    if not sources:
        raise SourceError(Span(path, 1, 1, 1, 1), "the file is empty; write the pipeline into it")
    return sources


def _decoded(text: bytes | str, path: str) -> str:
    start = Span(path, 1, 1, 1, 1)
    if len(text) > MAX_BYTES:
        size = f"{len(text):,} bytes, and at most {MAX_BYTES:,} are read"
        raise SourceError(start, f"the file has {size}; split it or leave it out")
    decoded = text if isinstance(text, str) else _utf8(text, path)
    text = decoded.removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _utf8(text: bytes, path: str) -> str:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(Span(path, 1, 1, 1, 1), "the file is UTF-16; save it as UTF-8")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8").removeprefix("\ufeff")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        place = Span(path, line, column, line, column + 1)
        message = f"byte 0x{text[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise SourceError(place, message) from None


def _documents(text: str, path: str) -> list[Source]:
    # What is wrong with a text is told by its events, up to the place where it is.
    with suppress(Unusual, yaml.YAMLError):
        return Tree(text, path).build()
    try:
        return Events(text, path).build()
    except yaml.YAMLError as error:
        if text.lstrip()[:1] in ("{", "["):
            with suppress(NotJson):
                return [read_json(text, path)]
        mended = _TRAILING_TAB.sub(lambda tabs: " " * len(tabs.group()), text)
        if mended == text:
            raise _translated(error, text, path) from error
    try:
        return Events(mended, path, shown=text).build()
    except yaml.YAMLError as error:
        raise _translated(error, text, path) from error


def _translated(error: yaml.YAMLError, text: str, path: str) -> SourceError:
    """The parser's complaint at its place, with a sentence saying what to do."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        # A character that YAML forbids: the parser names its position in the text.
        position = min(getattr(error, "position", 0) or 0, len(text))
        before = text[:position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    else:
        line, column = mark.line + 1, mark.column + 1
    lines = text.split("\n")
    if line > len(lines):
        # The parser ends a last line that the text does not end.
        line, column = len(lines), len(lines[-1]) + 1
    shown = lines[line - 1]
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        advice = "indent with spaces, not with tabs"
    else:
        advice = next((say for words, say in _ADVICE if words in problem), "mend the YAML here")
    return SourceError(Span(path, line, column, line, column), f"{problem}; {advice}")
