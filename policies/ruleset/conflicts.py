"""Rules that cannot be on together, and rules that must: the table and what breaks it.

A rule is on from ``observe`` upwards. An approval before production and a production that starts
without a button contradict each other; and a production without a button is safe only where tests
stand before it.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from policies.documents import Issue
from policies.findings import Enforcement, Span
from policies.frozen import dataclass

#: Two rules of which one at most is on.
EXCLUSIVE: Final = (("prod-approval", "no-manual-prod-gate"),)
#: The second rule is on whenever the first is.
NEEDED: Final = (("no-manual-prod-gate", "no-untested-automation"),)
#: Every rule of the table.
CONCERNED: Final = frozenset(name for pair in (*EXCLUSIVE, *NEEDED) for name in pair)


@dataclass(frozen=True, slots=True)
class Standing:
    """The level of one rule and where it was set; None where nobody set it."""

    level: Enforcement
    span: Span | None

    @property
    def on(self) -> bool:
        return self.level > Enforcement.OFF


def conflicts(levels: Mapping[str, Standing], default: Span) -> Iterator[Issue]:
    """What contradicts itself; ``default`` is the place to tell of what no file says."""
    for first, second in EXCLUSIVE:
        if first in levels and second in levels and levels[first].on and levels[second].on:
            told = (
                f"{first} is on ({levels[first].level.word}) and so is {second} "
                f"({_said(levels[second])}); switch one of them off"
            )
            yield Issue(levels[first].span or default, told)
    for first, second in NEEDED:
        if first in levels and second in levels and levels[first].on and not levels[second].on:
            told = (
                f"{first} is on ({levels[first].level.word}) while {second} is off "
                f"({_said(levels[second])}); switch {second} on, or {first} off"
            )
            yield Issue(levels[first].span or levels[second].span or default, told)


def _said(standing: Standing) -> str:
    if standing.span is None:
        return f"{standing.level.word}, which is the built-in default"
    return f"{standing.level.word}, {standing.span.path}:{standing.span.line}"
