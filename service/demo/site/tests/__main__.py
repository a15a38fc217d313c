"""Runs the unit tests and writes what came of them as JUnit XML."""

import sys
import unittest
from pathlib import Path
from typing import Final

from tests.report import Case, write_report

ROOT: Final = Path(__file__).parent.parent


def cases(names: list[str], result: unittest.TestResult) -> list[Case]:
    """One case for each name; one more for each failure outside of a test."""
    bad = {test.id(): trace for test, trace in [*result.failures, *result.errors]}
    ran = [Case(name, bad.pop(name, "")) for name in names]
    return [*ran, *(Case(name, trace) for name, trace in bad.items())]


def names_of(suite: unittest.TestSuite) -> list[str]:
    """The dotted names of all tests in ``suite``."""
    found: list[str] = []
    for test in suite:
        found += names_of(test) if isinstance(test, unittest.TestSuite) else [test.id()]
    return found


def main() -> int:
    """Run every test in this folder; 0 when all passed."""
    sys.path.insert(0, str(ROOT / "libs" / "tiny_rates"))
    suite = unittest.defaultTestLoader.discover(str(ROOT / "tests"), top_level_dir=str(ROOT))
    names = names_of(suite)
    result = unittest.TextTestRunner().run(suite)
    write_report(ROOT / "reports" / "unit.xml", "unit", cases(names, result))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    raise SystemExit(main())
