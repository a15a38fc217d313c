"""What comes in and goes out over HTTP; unknown keys are errors.

The schemas are public and separate from the read models, so that neither changes the other by
accident.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from policies.durations import format_duration
from policies.plain import instant_text

Instant = Annotated[datetime, PlainSerializer(instant_text, return_type=str)]
Span = Annotated[timedelta, PlainSerializer(format_duration, return_type=str)]
#: As ``policies`` spells names: a pipeline, a stage, a target.
Name = Annotated[str, Field(min_length=1, max_length=200)]
_COMMIT: Final = "^([0-9a-f]{40}|[0-9a-f]{64})$"
_DIGEST: Final = "^sha256:[0-9a-f]{64}$"
_NO_DIGEST: Final = "^(sha256:[0-9a-f]{64})?$"
#: Patterns in words, for whoever wrote something else.
SHAPES: Final = {
    _COMMIT: "the whole hash of a commit, 40 or 64 hex digits",
    _DIGEST: "a digest, sha256: and 64 hex digits",
    _NO_DIGEST: "a digest, sha256: and 64 hex digits, or nothing",
}
Commit = Annotated[str, Field(pattern=_COMMIT, examples=["9f31c02a" * 5])]
Digest = Annotated[str, Field(pattern=_DIGEST, examples=["sha256:" + "4c" * 32])]
#: One that may be left out as an empty word.
NoDigest = Annotated[str, Field(pattern=_NO_DIGEST, examples=["sha256:" + "4c" * 32])]
State = Literal["waiting", "building", "deploying", "testing", "baking", "rolling_back"]
Outcome = Literal["succeeded", "failed", "errored", "superseded", "rolled_back", "aborted"]


class Incoming(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")


class Outgoing(BaseModel):
    """A part of an answer, filled from a read model's attributes."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class GateRequest(Incoming):
    """Ask for a release of ours by its id, or for another executor's by its whole record."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"pipeline": "payments-api", "release": "payments-api:1846", "stage": "wave-2"}
            ]
        }
    )

    pipeline: Name
    stage: Name
    release: Name | None = None
    record: dict[str, Any] | None = Field(
        default=None, description="A release record, type `bakegate.release/v1`."
    )
    dry_run: bool = Field(default=False, description="Answer without storing the decision.")
    at: AwareDatetime | None = Field(default=None, description="Another moment; dry runs only.")
    assume: dict[str, Any] | None = Field(
        default=None,
        description="Facts to assume, as a merge patch (RFC 7396) of the record; dry runs only.",
    )

    @model_validator(mode="after")
    def _one_subject(self) -> "GateRequest":
        if (self.release is None) == (self.record is None):
            raise ValueError("give either release or record")
        if self.at is not None and not self.dry_run:
            raise ValueError("at is for a dry run: a decision that counts is made now")
        if self.assume is not None and not self.dry_run:
            raise ValueError("assume is for a dry run: a decision that counts rests on facts")
        return self


class NewRelease(Incoming):
    """An emergency needs a reason and an incident; ``config`` changes configuration only."""

    pipeline: Annotated[Name, Field(examples=["payments-api"])]
    commit: Commit
    kind: Literal["normal", "emergency", "config"] = "normal"
    reason: Annotated[str, Field(max_length=2000)] = ""
    incident: Annotated[str, Field(max_length=200, examples=["INC-31"])] = ""
    artifact: Digest | None = Field(
        default=None, description="One that was pushed before; without it the commit is built."
    )


class Taken(Outgoing):
    """The release of a push, empty where it is ignored, and why."""

    release: Annotated[str, Field(examples=["payments-api:1846"])] = ""
    ignored: str = ""


class Kept(Outgoing):
    digest: Digest


class Created(Outgoing):
    id: Annotated[str, Field(examples=["payments-api:1846"])]


class DataPoints(Incoming):
    """Answers that one version gave on one target, counted since the last call."""

    pipeline: Annotated[Name, Field(examples=["payments-api"])]
    stage: Annotated[Name, Field(examples=["one-box"])]
    target: Annotated[Name, Field(examples=["one-box"])]
    digest: Digest
    positive: Annotated[int, Field(ge=0, examples=[118])]
    negative: Annotated[int, Field(ge=0, examples=[0])]
    operation: Annotated[str, Field(max_length=200, examples=["POST /orders"])] = ""


class Organization(Incoming):
    """``organization.yaml`` and the rulesets beside it, each text under its path."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"files": {"organization.yaml": "schema: bakegate/organization/v1\nname: retail\n"}}
            ]
        }
    )

    files: Annotated[dict[str, str], Field(min_length=1)]


class PipelineFile(Incoming):
    text: Annotated[
        str, Field(min_length=1, examples=["schema: bakegate/pipeline/v1\nname: payments-api\n"])
    ]
    path: Annotated[str, Field(min_length=1, examples=["pipeline.yaml"])]
    repository: Annotated[str, Field(min_length=1, examples=["."])]


class Registered(Outgoing):
    name: str


class Transition(Incoming):
    mode: Literal["automatic", "manual"]
    reason: Annotated[str, Field(max_length=2000, examples=["The last 20 approvals refused none."])]


class Event(Outgoing):
    id: int
    sequence: int
    at: Instant
    release: str | None
    stage: str | None
    kind: str
    actor: str
    data: dict[str, Any]


class Bake(Outgoing):
    needed: Span
    observed: Span
    positive: int
    positive_needed: int
    negative: int
    negative_allowed: int
    alarms: list[tuple[str, str]]
    earliest_end: Instant | None
    still_since: Instant | None


class Decision(Outgoing):
    """A stored decision; ``message`` is the whole ``bakegate.gate/v1`` answer."""

    id: str
    verdict: Literal["allow", "warn", "hold", "block"]
    at: Instant
    checked_at: Instant
    until: Instant | None
    message: dict[str, Any]


class Run(Outgoing):
    release: str
    number: int
    stage: str
    state: State
    outcome: Outcome | None
    entered_at: Instant
    started_at: Instant | None
    deployed_at: Instant | None
    ended_at: Instant | None
    message: str
    bake: Bake | None
    decision: Decision | None
    superseded_by: str | None


class Target(Outgoing):
    name: str
    digest: str | None
    release: str | None
    hosts: int
    hosts_in_service: int


class Stage(Outgoing):
    name: str
    kind: str
    wave: int | None
    exposure: float | None
    transition: str
    transition_reason: str
    paused_reason: str
    active: Run | None
    waiting: Run | None
    last: Run | None
    last_good: str | None
    targets: list[Target]


class Arrival(Outgoing):
    """A stage that a release has still to go through.

    `earliest` is when it can be deployed there at the soonest, by bakes, windows and holds alone;
    `entered` and `reached` are when it is expected to enter and to be fully deployed.
    """

    stage: str
    earliest: Instant | None
    entered: Instant | None
    reached: Instant | None


class Forecast(Outgoing):
    """When a release is expected where, if nothing else happens.

    Stages take as long as they took their last releases at the median. `unknown` says why
    `all_customers` cannot be told. `people` names the stages that somebody has to let it into,
    and when.
    """

    release: str
    arrivals: list[Arrival]
    earliest: Instant | None
    all_customers: Instant | None
    people: list[tuple[str, Instant]]
    unknown: str
    superseded_by: str
    superseded_at: Instant | None


class Source(Outgoing):
    error: str
    failed_at: Instant


class Pipeline(Outgoing):
    name: str
    organization: str
    team: str
    tier: int | None
    path: str
    version: int
    now: Instant
    stages: list[Stage]
    in_flight: list[Run]
    events: list[Event]
    pauses: list["Pause"]
    source: Source | None
    left: list["Left"]
    forecasts: list[Forecast]
    automation: int | None


class Change(Outgoing):
    commit: str
    author: str
    subject: str
    at: Instant
    rides_from: str | None


class Evidence(Outgoing):
    kind: str
    name: str
    stage: str
    result: str
    executed: int | None
    failed: int | None
    ended_at: Instant
    retries: int
    coverage: float | None
    findings: dict[str, int] | None


class Approval(Outgoing):
    id: str
    stage: str
    word: Literal["approved", "rejected"]
    reason: str
    by: str
    at: Instant
    until: Instant
    voided: str


class Override(Outgoing):
    id: str
    stage: str
    rule: str
    reason: str
    by: str
    second: str
    at: Instant
    until: Instant
    incident: str


class Problem(Outgoing):
    id: str
    text: str
    by: str
    at: Instant
    cleared_at: Instant | None
    cleared_by: str
    resolution: str


class Step(Outgoing):
    stage: str
    item: str
    by: str
    at: Instant | None


class Pause(Outgoing):
    id: str
    organization: str
    pipeline: str
    stage: str
    reason: str
    by: str
    at: Instant
    until: Instant | None
    release: str


class Differs(Outgoing):
    """How the pipeline file changed since the release began, which keeps its own."""

    diff: str
    gone: list[str]


class Left(Outgoing):
    """Something that still runs on a target that the pipeline file no longer has."""

    stage: str
    target: str
    digest: str
    release: str | None


class Release(Outgoing):
    id: str
    pipeline: str
    number: int
    kind: str
    commit: str
    digest: str | None
    created_at: Instant
    created_by: str
    outcome: Outcome | None
    ended_at: Instant | None
    superseded_by: str | None
    changes: list[Change]
    evidence: list[Evidence]
    packages: int | None
    runs: list[Run]
    decisions: list[Decision]
    events: list[Event]
    approvals: list[Approval]
    overrides: list[Override]
    checklist: list[Step]
    problems: list["Problem"]
    reason: str
    incident: str
    confirmed_by: str
    removed_at: Instant | None
    forecast: Forecast | None
    differs: Differs | None
