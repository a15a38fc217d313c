"""Exemptions and opt-outs as values, and the limits that an organization sets on them.

Files under review and the service's store are two sources of these; ``policies.waivers`` is the one
place that says which of them count.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from policies.durations import format_duration, parse_duration
from policies.findings import Span
from policies.frozen import dataclass, field, replace
from policies.granted import Reach
from policies.rule import BlocklistEntry


class Subject(StrEnum):
    """What an organization may ask a second person for."""

    EXEMPTION = "exemption"
    OPT_OUT = "opt-out"
    OVERRIDE = "override"
    BLOCKLIST = "blocklist"


@dataclass(frozen=True, slots=True)
class ExceptionPolicy:
    """Limits of an organization on exceptions; None and empty mean that there is no such limit.

    ``longest`` is the length of an exemption, ``longest_override`` that of an override,
    ``review`` how far ahead the review of an opt-out may lie, and ``most`` how many exemptions and
    opt-outs of one pipeline count at once. ``second_person`` holds what nobody may do alone.
    """

    forbidden: frozenset[str] = frozenset()
    longest: timedelta | None = None
    longest_override: timedelta | None = None
    review: timedelta | None = None
    most: int | None = None
    approver: Reach | None = None
    second_person: frozenset[Subject] = frozenset()

    def tightened(self, other: "ExceptionPolicy") -> "ExceptionPolicy":
        """Both limits at once: whatever one of them refuses is refused."""
        reaches = [each.approver for each in (self, other) if each.approver]
        return ExceptionPolicy(
            forbidden=self.forbidden | other.forbidden,
            longest=_least(self.longest, other.longest),
            longest_override=_least(self.longest_override, other.longest_override),
            review=_least(self.review, other.review),
            most=min((each.most for each in (self, other) if each.most is not None), default=None),
            approver=max(reaches, key=list(Reach).index, default=None),
            second_person=self.second_person | other.second_person,
        )


NO_LIMITS: Final = ExceptionPolicy()


def policy_json(policy: ExceptionPolicy) -> dict[str, Any]:
    """The limits that there are, as plain JSON data."""
    lengths = {
        name: length and format_duration(length)
        for name in _LENGTHS
        for length in [getattr(policy, name)]
    }
    said = lengths | {
        "most": policy.most,
        "approver": policy.approver and policy.approver.value,
        "second_person": sorted(policy.second_person),
    }
    told = {name: value for name, value in said.items() if value not in (None, [])}
    return {"forbidden": sorted(policy.forbidden)} | told


def policy_from_json(data: Mapping[str, Any]) -> ExceptionPolicy:
    """The inverse of ``policy_json``."""
    lengths = {
        name: parse_duration(data[name]).exact if name in data else None for name in _LENGTHS
    }
    return ExceptionPolicy(
        forbidden=frozenset(data.get("forbidden", ())),
        most=data.get("most"),
        approver=Reach(data["approver"]) if "approver" in data else None,
        second_person=frozenset(map(Subject, data.get("second_person", ()))),
        **lengths,
    )


_LENGTHS: Final = ("longest", "longest_override", "review")


def _least(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    return min((each for each in (one, other) if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class Exemption:
    """One pipeline and rule, from one instant until another; ``finding`` narrows it to one."""

    id: str
    pipeline: str
    rule: str
    reason: str
    approved_by: str
    start: datetime
    until: datetime
    requested_by: str = ""
    finding: str = ""

    def counts(self, at: datetime) -> bool:
        return self.start <= at < self.until


@dataclass(frozen=True, slots=True)
class OptOut:
    """A permanent exemption; it goes on counting after ``review_by``, which a report tells."""

    id: str
    pipeline: str
    rule: str
    reason: str
    approved_by: str
    review_by: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """One finding of a baseline; ``span`` is its place in the file."""

    fingerprint: str
    rule: str
    pipeline: str
    span: Span


@dataclass(frozen=True, slots=True)
class Baseline:
    """Findings that were there when linting was adopted, by fingerprint: they wait until ``until``.

    ``ends`` is the place in the file that says so.
    """

    made: datetime
    until: datetime
    findings: Mapping[str, Known]
    ends: Span

    def of(self, pipeline: str) -> tuple[Known, ...]:
        return tuple(each for each in self.findings.values() if each.pipeline == pipeline)


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What one exceptions file, the store, or several of them together hold.

    ``places`` says where an exemption or opt-out stands, by its id, if it stands in a file.
    ``approvers`` are those who may approve for the pipelines that this is about, None where the
    organization names nobody; ``owners`` own the rulesets that apply to these pipelines.
    """

    exemptions: tuple[Exemption, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()
    blocklist: tuple[BlocklistEntry, ...] = ()
    places: Mapping[str, Span] = field(default_factory=dict)
    approvers: frozenset[str] | None = None
    owners: frozenset[str] = frozenset()
    baseline: Baseline | None = None

    @property
    def none(self) -> bool:
        """Whether nothing is set aside: most files are judged without any exception."""
        return not (self.exemptions or self.opt_outs or self.baseline)

    def of(self, pipeline: str) -> "Exceptions":
        """Only what is about one pipeline; the blocklist is about all of them."""
        return replace(
            self,
            exemptions=tuple(each for each in self.exemptions if each.pipeline == pipeline),
            opt_outs=tuple(each for each in self.opt_outs if each.pipeline == pipeline),
        )


NO_EXCEPTIONS: Final = Exceptions()


def joined(sources: Iterable[Exceptions]) -> Exceptions:
    """Several sources as one, in their order."""
    found = tuple(sources)
    return Exceptions(
        tuple(each for source in found for each in source.exemptions),
        tuple(each for source in found for each in source.opt_outs),
        tuple(each for source in found for each in source.blocklist),
        {name: span for source in found for name, span in source.places.items()},
        next((source.approvers for source in found if source.approvers is not None), None),
        frozenset().union(*(source.owners for source in found)),
    )
