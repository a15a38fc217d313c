"""Reports that steps write: files of a pipeline that may hold anything, read within bounds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

# The package has no type hints.
from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]

#: Bytes; a report of a hundred thousand tests has about this size.
_LARGEST: Final = 50_000_000


class UnreadableReportError(Exception):
    """A report is absent or is not what it should be; the message is for the pipeline's owner."""


def report_bytes(path: Path) -> bytes:
    """The whole report; raises UnreadableReportError where there is none, or one too large."""
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise UnreadableReportError(f"{path.name} has {size} bytes; {_LARGEST} are allowed")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableReportError(f"{path.name} was not written") from error


def report_json(path: Path) -> Any:
    """What a report in JSON says; raises UnreadableReportError."""
    try:
        return json.loads(report_bytes(path))
    except (ValueError, RecursionError) as error:
        raise UnreadableReportError(f"{path.name} is no JSON: {error}") from error


def worded(value: Any) -> str:
    """A text of a report; raises TypeError for what is none."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value


def report_elements(path: Path, tags: frozenset[str]) -> Iterator[tuple[str, Element]]:
    """The root as it opens, then each closed element that one of ``tags`` names, with its event.

    An element is emptied after it was looked at, so that a large report takes little memory.
    Raises UnreadableReportError for what is no XML, and for what defines entities.
    """
    if not report_bytes(path).strip():
        raise UnreadableReportError(f"{path.name} is empty")
    root: Element | None = None
    try:
        with path.open("rb") as file:
            for event, element in iterparse(file, events=("start", "end"), forbid_dtd=False):
                if root is None:
                    root = element
                    yield "start", element
                elif event == "end" and element.tag in tags:
                    yield "end", element
                    element.clear()
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableReportError(f"{path.name} is no readable XML: {error}") from error
