"""What people ask of releases and pipelines, as JSON bodies."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from service.api.schemas import Commit, Incoming, Instant, NoDigest, Outgoing

Reason = Annotated[str, Field(min_length=1, max_length=2000, examples=["The fix is urgent."])]
Stage = Annotated[str, Field(min_length=1, max_length=200, examples=["wave-2"])]


class NewApproval(Incoming):
    """A word about the release's artifact; a rejection needs a reason."""

    stage: Stage
    decision: Literal["approved", "rejected"] = "approved"
    reason: Annotated[str, Field(max_length=2000)] = ""


class NewTick(Incoming):
    stage: Stage
    item: Annotated[str, Field(min_length=1, max_length=500, examples=["tell support"])]


class NewOverride(Incoming):
    """One rule at one stage for some hours. ``digest`` may name the artifact that is meant."""

    stage: Stage
    rule: Annotated[str, Field(min_length=1, max_length=200, examples=["bake-time"])]
    reason: Reason
    hours: Annotated[int, Field(ge=1, examples=[4])]
    digest: NoDigest = ""
    incident: Annotated[
        str, Field(max_length=200, examples=["INC-31"], description="What the release mends.")
    ] = ""


class NewPause(Incoming):
    """Name a pipeline, and a stage of it if only that is meant, or a node of the organization."""

    reason: Reason
    pipeline: Annotated[str, Field(max_length=200, examples=["payments-api"])] = ""
    stage: Annotated[str, Field(max_length=200)] = ""
    organization: Annotated[str, Field(max_length=2000)] = ""
    until: AwareDatetime | None = None
    release: Annotated[
        str, Field(max_length=200, description="A pin: only this release may enter the stage.")
    ] = ""


class Because(Incoming):
    reason: Reason


class NewRollback(Incoming):
    """Without a stage: in every stage that runs the release's artifact."""

    reason: Reason
    stage: Annotated[str, Field(max_length=200)] = ""


class NewRetry(Incoming):
    stage: Stage
    reason: Reason


class NewSkip(Incoming):
    """Go on to a stage before what it needs; ``digest`` may name the artifact that is meant."""

    stage: Stage
    reason: Reason
    hours: Annotated[int, Field(ge=1, examples=[4])] = 4
    digest: NoDigest = ""


class NewProblem(Incoming):
    text: Annotated[
        str, Field(min_length=1, max_length=2000, examples=["Orders are charged twice."])
    ]


class Made(Outgoing):
    """The name of what was made."""

    id: str


class Line(Outgoing):
    id: str
    pipeline: str
    number: int
    kind: str
    commit: Commit
    outcome: str | None
    created_at: Instant
    created_by: str
    ended_at: Instant | None
    stages: list[tuple[str, str]]


class Lines(Outgoing):
    """The newest releases first."""

    releases: list[Line]
