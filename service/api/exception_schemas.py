"""What comes in and goes out about exemptions and opt-outs."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from service.api.paging import Next
from service.api.schemas import Incoming, Instant, Name, Outgoing

Kind = Literal["exemption", "opt-out"]
State = Literal["requested", "approved", "denied", "revoked", "ended"]


class NewException(Incoming):
    """``until`` is the end of an exemption and the review of an opt-out, exclusive."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "exemption",
                    "pipeline": "payments-api",
                    "rule": "bake-time",
                    "reason": "The new hosts arrive in January.",
                    "until": "2027-01-31T00:00:00Z",
                }
            ]
        }
    )

    kind: Kind
    pipeline: Name
    rule: Name
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    until: AwareDatetime
    start: AwareDatetime | None = None
    finding: Annotated[str, Field(max_length=64)] = ""


class Why(Incoming):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The hosts are there."}]})

    reason: Annotated[str, Field(max_length=2000)] = ""


class OneException(Outgoing):
    """``source`` is ``service`` or the place in a file; ``needless`` proposes its removal."""

    id: str
    kind: Kind
    pipeline: str
    organization: str
    rule: str
    finding: str
    reason: str
    requested_by: str
    requested_at: Instant | None
    start: Instant | None
    until: Instant
    state: State
    approved_by: str
    decided_by: str
    decided_at: Instant | None
    decision: str
    source: str
    last_day: str
    refused: str
    needless: bool
    approvers: list[str] | None


class Exceptions(Outgoing):
    exceptions: list[OneException]
    next: Next
