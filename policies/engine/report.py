"""What a run of lint says as a whole: its files, and the numbers that a summary tells."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from policies.engine.lint import FileReport
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass

_URGENCY: Final = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True, slots=True)
class Tally:
    """How much was found in some files."""

    files: int
    counts: Counter[tuple[Enforcement, Result]]
    """The findings that nobody waived."""
    acts: Counter[tuple[Enforcement, int, str]]
    """Those of them that ask for an act: by level, urgency (0 is most urgent) and rule."""
    waived: int


def tally(file: FileReport) -> Tally:
    counts: Counter[tuple[Enforcement, Result]] = Counter()
    acts: Counter[tuple[Enforcement, int, str]] = Counter()
    for each in file.findings:
        level, result = each.enforcement, each.result
        if result is Result.WAIVED:
            continue
        counts[level, result] += 1
        if level is Enforcement.BLOCK or (level is Enforcement.WARN and result is Result.FAIL):
            acts[level, _URGENCY.index(each.severity), each.rule] += 1
    return Tally(1, counts, acts, len(file.findings) - counts.total())


def together(tallies: Iterable[Tally]) -> Tally:
    """The tally of all files of several."""
    files, waived = 0, 0
    counts: Counter[tuple[Enforcement, Result]] = Counter()
    acts: Counter[tuple[Enforcement, int, str]] = Counter()
    for each in tallies:
        files += each.files
        waived += each.waived
        counts.update(each.counts)
        acts.update(each.acts)
    return Tally(files, counts, acts, waived)


@dataclass(frozen=True, slots=True)
class Summary:
    """``ruleset`` and ``digest`` name what was applied; several nodes are joined with a comma.

    The digest is worked out where it is told.
    """

    at: datetime
    ruleset: str
    digest: Callable[[], str]
    found: Tally

    def count(self, level: Enforcement) -> int:
        return sum(self.found.counts[level, result] for result in Result)

    @property
    def untold(self) -> int:
        """How many findings at ``warn`` only say that a file cannot tell."""
        return self.found.counts[Enforcement.WARN, Result.UNKNOWN]

    @property
    def first(self) -> tuple[tuple[str, int], ...]:
        """What to act on first, most urgent first: rules with how often each failed.

        They are of the strictest level that asks for an act, by severity and then by number.
        """
        for asked in (Enforcement.BLOCK, Enforcement.WARN):
            told = [
                (urgency, -number, rule)
                for (level, urgency, rule), number in self.found.acts.items()
                if level is asked
            ]
            if told:
                return tuple((rule, -number) for _, number, rule in sorted(told))
        return ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run, as who holds all of its findings has it."""

    at: datetime
    ruleset: str
    digest: str
    files: tuple[FileReport, ...]

    @property
    def summary(self) -> Summary:
        found = together(map(tally, self.files))
        return Summary(self.at, self.ruleset, lambda: self.digest, found)
