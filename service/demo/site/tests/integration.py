"""Asks a deployed service for prices as a customer would; writes reports/api.xml."""

from pathlib import Path
from typing import Final

from tests.client import Reply, ask
from tests.report import Case, write_report

#: What must be answered: the currencies that most customers pay in.
EXPECTED: Final = {
    "/health": Reply(200, {"status": "ok"}),
    "/price?item=tea&currency=EUR": Reply(200, {"item": "tea", "currency": "EUR", "price": "4.50"}),
    "/price?item=cocoa&currency=EUR": Reply(
        200, {"item": "cocoa", "currency": "EUR", "price": "6.40"}
    ),
    "/price?item=coffee&currency=USD": Reply(
        200, {"item": "coffee", "currency": "USD", "price": "9.61"}
    ),
}


def check(path: str, expected: Reply) -> Case:
    """Whether the answer to ``path`` is the expected one."""
    try:
        reply = ask(path)
    except OSError as error:
        return Case(path, f"no answer: {error}")
    return Case(path, "" if reply == expected else f"{reply} instead of {expected}")


def main() -> int:
    """Check every request; 0 when all were answered as expected."""
    cases = [check(path, expected) for path, expected in EXPECTED.items()]
    write_report(Path("reports") / "api.xml", "api", cases)
    failures = [case for case in cases if case.failure]
    for case in failures:
        print(f"{case.name}: {case.failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
