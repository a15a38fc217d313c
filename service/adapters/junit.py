"""Test reports in JUnit XML: how many tests ran, and how many of them failed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import ParseError

# The package has no type hints.
from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

#: Bytes; a report of a hundred thousand tests has about this size.
_LARGEST: Final = 50_000_000
_BAD: Final = ("failure", "error")


class UnreadableReportError(Exception):
    """A report is absent or is not what it should be; the message is for the pipeline's owner."""


@dataclass(frozen=True, slots=True)
class Counts:
    """``executed`` leaves out what was skipped; ``failed`` counts failures and errors."""

    executed: int
    failed: int


def read_junit(path: Path) -> Counts:
    """Count the test cases of a report; raises UnreadableReportError.

    The cases are counted and not the attributes of the suites, which writers fill in differently.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise UnreadableReportError(f"{path.name} has {size} bytes; {_LARGEST} are allowed")
        root = fromstring(path.read_bytes())
    except OSError as error:
        raise UnreadableReportError(f"{path.name} was not written") from error
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableReportError(f"{path.name} is no readable XML: {error}") from error
    if root.tag not in {"testsuite", "testsuites"}:
        raise UnreadableReportError(f"{path.name} is no JUnit report: its root is <{root.tag}>")
    cases = list(root.iter("testcase"))
    executed = [case for case in cases if case.find("skipped") is None]
    bad = [case for case in executed if any(case.find(tag) is not None for tag in _BAD)]
    return Counts(len(executed), len(bad))
