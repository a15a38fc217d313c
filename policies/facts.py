"""Facts: a value, the place it was read from, and how far it can be trusted.

Three states must stay apart. A fact can be known (a value), known to be absent (``None``), or
``UNKNOWN``: the file points elsewhere, its format cannot say it, or nobody has reported it lately.
A rule may fail on absence but never on ``UNKNOWN``.
"""

from enum import Enum, StrEnum
from typing import Any, Final, Generic, Literal, TypeVar

from policies.findings import Span
from policies.frozen import dataclass, replace

T = TypeVar("T")

#: Below this a step's kind can satisfy a rule but cannot make it fail at ``block``.
SURE: Final = 0.8


class Provenance(StrEnum):
    """Where a fact came from, from the most to the least binding."""

    OBSERVED = "observed"
    DECLARED = "declared"
    OVERLAY = "overlay"
    INFERRED = "inferred"


class Unknown(Enum):
    """The type of ``UNKNOWN``; an enumeration so that type checkers can narrow it away."""

    UNKNOWN = "unknown"

    def __bool__(self) -> Literal[False]:
        return False


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One leaf of a pipeline. ``span`` of an absent fact is the visible name of its parent.

    ``note`` says why a fact is unknown, in words for the person who reads the finding.
    """

    value: T | Unknown
    span: Span
    provenance: Provenance = Provenance.DECLARED
    confidence: float = 1.0
    note: str = ""

    @property
    def known(self) -> bool:
        return self.value is not UNKNOWN

    @property
    def inferred(self) -> bool:
        """True when the fact may warn but never block."""
        return self.provenance is Provenance.INFERRED or self.confidence < SURE

    def or_else(self, default: T) -> T:
        value = self.value
        return default if value is UNKNOWN or value is None else value

    def overlaid(self, value: T, span: Span) -> "Fact[T]":
        return replace(
            self, value=value, span=span, provenance=Provenance.OVERLAY, confidence=1.0, note=""
        )


#: What no reader has spoken of, with no place of its own: the default of what few formats say.
UNSAID: Final[Fact[Any]] = Fact(
    UNKNOWN, Span("", 0, 0, 0, 0), Provenance.INFERRED, note="nothing in the file says it"
)


def placed(fact: Fact[T], span: Span) -> Fact[T]:
    """The fact, at ``span`` where it has no place of its own."""
    return fact if fact.span.path else replace(fact, span=span)


def unknown(span: Span, note: str) -> Fact[T]:
    """A fact that cannot be told from here; ``note`` says why."""
    return Fact(UNKNOWN, span, Provenance.INFERRED, note=note)


def elsewhere(span: Span, note: str) -> Fact[T]:
    """An unknown that the file itself points to: what it names there stands in another place."""
    return Fact(UNKNOWN, span, note=note)


def inferred(value: T, span: Span, confidence: float = 1.0) -> Fact[T]:
    return Fact(value, span, Provenance.INFERRED, confidence)
