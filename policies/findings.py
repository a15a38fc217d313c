"""Places in files, what a rule says about them, and the four scales that are never mixed.

A rule yields ``Problem`` objects and knows neither its id nor its level; the engine stamps them
into ``Finding`` objects. Result, enforcement, severity and verdict are separate scales on purpose:
what is true, how hard the organization asks, how much it matters, and what happens now.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum, StrEnum
from functools import partial
from typing import Final, NamedTuple

from policies.frozen import dataclass


class Span(NamedTuple):
    """A half-open place in a text: 1-based lines and columns, columns count code points.

    A named tuple, as are the scalars of a source: a file has thousands, and a frozen dataclass
    takes three times as long to make and to compare.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def contains(self, line: int, column: int) -> bool:
        return (self.line, self.column) <= (line, column) < (self.end_line, self.end_column)


#: A span of its five parts without the arguments' names: a third of the time, for the thousands
#: that a file has.
span_of: Final[Callable[[tuple[str, int, int, int, int]], Span]] = partial(tuple.__new__, Span)


class Result(StrEnum):
    """What a rule found. Missing or stale facts are ``unknown``, never ``fail``."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    WAIVED = "waived"
    OVERRIDDEN = "overridden"


class Severity(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Enforcement(IntEnum):
    """How hard the organization asks; ordered, so that ``max`` is the stricter one."""

    OFF = 0
    OBSERVE = 1
    WARN = 2
    BLOCK = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Enforcement":
        return cls[word.upper()]


class Verdict(IntEnum):
    """What a gate answers; ordered, so that ``max`` over rules and conditions is the decision."""

    ALLOW = 0
    WARN = 1
    HOLD = 2
    BLOCK = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Verdict":
        return cls[word.upper()]


def highest(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, default=Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that explains a finding, with the words to print beside it."""

    span: Span
    note: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What the lint half of a rule yields, about one place.

    ``result`` is ``FAIL``, ``UNKNOWN`` or ``NOT_APPLICABLE``; a rule that yields nothing passes.
    ``inferred`` says that the problem rests on a fact that was only inferred, or read with a
    confidence below 0.8: such a problem may warn but never block.
    ``where`` is the logical path by names (``stages/one-box/bake``); it goes into the fingerprint,
    so it never contains a line, an index or a message.
    """

    span: Span
    where: str
    message: str
    fix: str = ""
    result: Result = Result.FAIL
    inferred: bool = False
    related: tuple[Related, ...] = ()


#: What makes a finding the same one another time: rule, pipeline (or what its file is named by),
#: ``where`` and the number among those of the same ``where``.
Identity = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with everything that the engine knows about it."""

    rule: str
    pipeline: str
    result: Result
    enforcement: Enforcement
    severity: Severity
    message: str
    span: Span
    identity: Identity
    fix: str = ""
    docs: str = ""
    related: tuple[Related, ...] = ()
    waived_by: str = ""

    @property
    def fingerprint(self) -> str:
        """A name of the finding that survives moved lines and changed words."""
        return fingerprint(*self.identity)


def fingerprint(rule: str, pipeline: str, where: str, occurrence: int) -> str:
    """SHA-256 of an identity."""
    # Imported here: it loads OpenSSL, and a lint that prints text for people tells no fingerprint.
    from hashlib import sha256  # noqa: PLC0415 - see above

    parts = "\n".join((rule, pipeline, where, str(occurrence)))
    return sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
