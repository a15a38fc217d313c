"""Coverage reports: which share of the lines the tests executed.

Read are Cobertura's XML, which coverage.py and most other tools write, JaCoCo's XML, and lcov's
tracefiles (``geninfo(1)``).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from service.adapters.report_files import (
    UnreadableReportError,
    report_bytes,
    report_elements,
)

#: How a tracefile begins: with the name of a test, or with a source file.
_LCOV: Final = (b"TN:", b"SF:")
_COUNTED: Final = frozenset({"counter", "line"})


def read_coverage(path: Path) -> float:
    """The share of all lines that were executed, 0 to 1; raises UnreadableReportError."""
    if report_bytes(path).lstrip().startswith(_LCOV):
        covered, lines = _lcov(path)
    else:
        covered, lines = _xml(path)
    if not lines:
        raise UnreadableReportError(f"{path.name} measured no line")
    if not 0 <= covered <= lines:
        raise UnreadableReportError(f"{path.name} counts {covered} covered of {lines} lines")
    return covered / lines


def _xml(path: Path) -> tuple[int, int]:
    """Covered and all lines of a Cobertura or JaCoCo report."""
    elements = report_elements(path, _COUNTED)
    _, root = next(elements)
    reader = _READERS.get(root.tag)
    if reader is None:
        told = f"{path.name} is no Cobertura, JaCoCo or lcov report: its root is <{root.tag}>"
        raise UnreadableReportError(told)
    try:
        return reader(root, [dict(each.attrib) for _, each in elements])
    except ValueError as error:
        raise UnreadableReportError(
            f"{path.name} has a count that is no number: {error}"
        ) from error


def _cobertura(root: Element, inside: list[dict[str, str]]) -> tuple[int, int]:
    """The sums of the report where it has them, else its lines, which some writers list twice."""
    if "lines-valid" in root.attrib and "lines-covered" in root.attrib:
        return int(root.attrib["lines-covered"]), int(root.attrib["lines-valid"])
    hits = [int(line["hits"]) for line in inside if "hits" in line]
    return sum(hit > 0 for hit in hits), len(hits)


def _jacoco(_: Element, inside: list[dict[str, str]]) -> tuple[int, int]:
    """The last counter of lines closes the report, and sums up all before it."""
    sums = [each for each in inside if each.get("type") == "LINE"]
    if not sums:
        return 0, 0
    covered = int(sums[-1].get("covered", "0"))
    return covered, covered + int(sums[-1].get("missed", "0"))


_Reader = Callable[[Element, list[dict[str, str]]], tuple[int, int]]
_READERS: Final[dict[str, _Reader]] = {"coverage": _cobertura, "report": _jacoco}


def _lcov(path: Path) -> tuple[int, int]:
    """Covered and all lines by the ``DA`` records, of each line of each file the best."""
    best: dict[tuple[bytes, bytes], bool] = {}
    source = b""
    for record in report_bytes(path).splitlines():
        kind, _, rest = record.partition(b":")
        if kind == b"SF":
            source = rest
        elif kind == b"DA":
            line, _, counted = rest.partition(b",")
            hit = counted.partition(b",")[0]
            if not hit.lstrip(b"-").isdigit():
                told = (
                    f"{path.name} has a count that is no number: {record.decode(errors='replace')}"
                )
                raise UnreadableReportError(told[:200])
            best[source, line] = best.get((source, line), False) or int(hit) > 0
    return sum(best.values()), len(best)
