"""Test reports in JUnit XML: how many tests ran, and how many of them failed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.adapters.report_files import UnreadableReportError, report_elements

_CASE: Final = frozenset({"testcase"})
_ROOTS: Final = frozenset({"testsuite", "testsuites"})
_BAD: Final = ("failure", "error")


@dataclass(frozen=True, slots=True)
class Counts:
    """``executed`` leaves out what was skipped; ``failed`` counts failures and errors."""

    executed: int
    failed: int


def read_junit(path: Path) -> Counts:
    """Count the test cases of a report; raises UnreadableReportError.

    The cases are counted and not the attributes of the suites, which writers fill in differently.
    """
    executed = failed = 0
    for event, element in report_elements(path, _CASE):
        if event == "start":
            if element.tag not in _ROOTS:
                told = f"{path.name} is no JUnit report: its root is <{element.tag}>"
                raise UnreadableReportError(told)
        elif element.find("skipped") is None:
            executed += 1
            failed += any(element.find(tag) is not None for tag in _BAD)
    return Counts(executed, failed)
