"""What one lint run says: every file that was read, when, and under which ruleset."""

from collections import Counter
from datetime import datetime
from operator import attrgetter
from typing import Final

from policies.engine.lint import FileReport
from policies.findings import Enforcement, Finding, Result, Severity
from policies.frozen import dataclass, field

_URGENCY: Final = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)

_SORT: Final = attrgetter("enforcement", "result")


@dataclass(frozen=True, slots=True)
class Report:
    """``ruleset`` and ``digest`` name what was applied; several nodes are joined with a comma."""

    at: datetime
    ruleset: str
    digest: str
    files: tuple[FileReport, ...]
    standing: tuple[Finding, ...] = field(init=False, repr=False, compare=False)
    """The findings that nobody waived."""
    _counts: Counter[tuple[Enforcement, Result]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = tuple(
            finding
            for file in self.files
            for finding in file.findings
            if finding.result is not Result.WAIVED
        )
        object.__setattr__(self, "standing", found)
        object.__setattr__(self, "_counts", Counter(map(_SORT, found)))

    def count(self, level: Enforcement) -> int:
        return sum(self._counts[level, result] for result in Result)

    @property
    def untold(self) -> int:
        """How many findings at ``warn`` only say that a file cannot tell."""
        return self._counts[Enforcement.WARN, Result.UNKNOWN]

    @property
    def waived(self) -> int:
        return sum(len(file.findings) for file in self.files) - len(self.standing)

    @property
    def first(self) -> tuple[tuple[str, int], ...]:
        """What to act on first, most urgent first: rules with how often each failed.

        They are of the strictest level that asks for an act, by severity and then by number.
        """
        for level in (Enforcement.BLOCK, Enforcement.WARN):
            if not self.count(level):
                continue
            told = Counter(
                (_URGENCY.index(each.severity), each.rule)
                for each in self.standing
                if each.enforcement is level
                and (level is Enforcement.BLOCK or each.result is Result.FAIL)
            )
            if told:
                ordered = sorted(told, key=lambda key: (key[0], -told[key], key[1]))
                return tuple((key[1], told[key]) for key in ordered)
        return ()
