"""Asks a deployed service often and from several threads; slow or wrong answers fail."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Final

from tests.client import ask
from tests.report import Case, write_report

PATHS: Final = ("/price?item=tea&currency=EUR", "/price?item=coffee&currency=USD")
ROUNDS: Final = 50
THREADS: Final = 4
#: The 99th percentile that customers are promised, in seconds.
PROMISED: Final = 1.0


def timed(path: str) -> tuple[bool, float]:
    """Whether the answer was good, and how many seconds it took."""
    start = monotonic()
    try:
        good = ask(path).status < 400
    except OSError:
        good = False
    return good, monotonic() - start


def main() -> int:
    """Ask, then judge the answers and the time that they took; 0 when both are well."""
    with ThreadPoolExecutor(THREADS) as threads:
        results = list(threads.map(timed, PATHS * ROUNDS))
    bad = sum(not good for good, _ in results)
    slow = sorted(seconds for _, seconds in results)[int(len(results) * 0.99) - 1]
    cases = [
        Case("all answers are good", f"{bad} of {len(results)} are not" if bad else ""),
        Case("answers are fast", f"99 % within {slow:.3f} s" if slow > PROMISED else ""),
    ]
    write_report(Path("reports") / "load.xml", "load", cases)
    return 1 if any(case.failure for case in cases) else 0


if __name__ == "__main__":
    raise SystemExit(main())
