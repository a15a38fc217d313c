"""What people said about a release: approvals, overrides, exemptions."""

from datetime import datetime

from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Override:
    """One release, one rule, one stage, until an hour; void for another digest."""

    id: str
    rule: str
    stage: str
    digest: str
    by: str
    reason: str
    at: datetime
    until: datetime
    role: str = ""
    second: str = ""
    """The second person, where one is asked for."""
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word about one artifact; ``decision`` is ``approved`` or ``rejected``."""

    stage: str
    digest: str
    by: str
    at: datetime
    role: str = ""
    decision: str = "approved"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AppliedExemption:
    """An exemption that an executor other than ours applied; permanent ones have ``review_by``."""

    id: str
    rule: str
    scope: str
    reason: str
    approved_by: str
    created_at: datetime
    until: datetime | None = None
    review_by: datetime | None = None
