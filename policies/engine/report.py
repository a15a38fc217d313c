"""What one lint run says: every file that was read, when, and under which ruleset."""

from collections import Counter
from dataclasses import field
from datetime import datetime
from typing import Final

from policies.engine.lint import FileReport
from policies.findings import Enforcement, Finding, Result, Severity
from policies.frozen import dataclass

_URGENCY: Final = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True, slots=True)
class Report:
    """``ruleset`` and ``digest`` name what was applied; several nodes are joined with a comma."""

    at: datetime
    ruleset: str
    digest: str
    files: tuple[FileReport, ...]
    standing: tuple[Finding, ...] = field(init=False, repr=False, compare=False)
    """The findings that nobody waived."""

    def __post_init__(self) -> None:
        found = tuple(
            finding
            for file in self.files
            for finding in file.findings
            if finding.result is not Result.WAIVED
        )
        object.__setattr__(self, "standing", found)

    def count(self, level: Enforcement) -> int:
        return sum(finding.enforcement is level for finding in self.standing)

    @property
    def untold(self) -> int:
        """How many findings at ``warn`` only say that a file cannot tell."""
        return sum(
            each.enforcement is Enforcement.WARN and each.result is Result.UNKNOWN
            for each in self.standing
        )

    @property
    def waived(self) -> int:
        return sum(len(file.findings) for file in self.files) - len(self.standing)

    @property
    def first(self) -> tuple[tuple[str, int], ...]:
        """What to act on first, most urgent first: rules with how often each failed.

        They are of the strictest level that asks for an act, by severity and then by number.
        """
        for level in (Enforcement.BLOCK, Enforcement.WARN):
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
