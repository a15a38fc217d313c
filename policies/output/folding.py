"""What a person reads together: one practice of one file at many places, and what cannot be told.

A format that says little leaves a dozen rules that cannot tell; each by itself would hide the few
findings that somebody can act on.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from policies.findings import Enforcement, Finding, Result
from policies.frozen import dataclass

#: So few rules that cannot tell are shown one by one, each with what answers it.
_FEW: Final = 2


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one rule at one level in one file, in the order of the file."""

    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        return self.findings[0]

    @property
    def others(self) -> tuple[Finding, ...]:
        return self.findings[1:]


@dataclass(frozen=True, slots=True)
class Folded:
    """One file for a person: what to act on, the strictest first, and what cannot be told."""

    groups: tuple[Group, ...]
    untold: tuple[Finding, ...]
    """What is only unknown and stops nothing."""

    @property
    def untold_rules(self) -> tuple[str, ...]:
        return tuple(sorted({each.rule for each in self.untold}))


def folded(findings: Iterable[Finding], *, each_alone: bool) -> Folded:
    """Fold the findings of one file; ``each_alone`` leaves every one as it is, in file order."""
    told = [
        each
        for each in findings
        if each.result is not Result.WAIVED and each.enforcement > Enforcement.OBSERVE
    ]
    if each_alone:
        return Folded(tuple(Group((each,)) for each in told), ())
    untold = tuple(each for each in told if _stops_nothing(each))
    if len({each.rule for each in untold}) <= _FEW:
        untold = ()
    together: dict[tuple[str, Enforcement, Result], list[Finding]] = defaultdict(list)
    for each in told:
        if not untold or not _stops_nothing(each):
            together[each.rule, each.enforcement, each.result].append(each)
    groups = [Group(tuple(each)) for each in together.values()]
    # The sort keeps file order among equals.
    groups.sort(key=lambda group: (-group.first.enforcement, _stops_nothing(group.first)))
    return Folded(tuple(groups), untold)


def _stops_nothing(finding: Finding) -> bool:
    return finding.result is Result.UNKNOWN and finding.enforcement < Enforcement.BLOCK
