"""What pages, API and terminal show: plain read models, made by ``service.store.read``.

They hold what happened and what is so; sentences for people are made from them by
``service.promotions.wording``, so that page, API and terminal say the same.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

#: Most rows of one page of a list, unless who asks says another number.
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class EventView:
    id: int
    pipeline: str
    sequence: int
    at: datetime
    release: str | None
    stage: str | None
    kind: str
    actor: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BakeView:
    """Progress of a bake. ``still_since`` is set while the clock stands still for want of data."""

    needed: timedelta
    observed: timedelta
    positive: int
    positive_needed: int
    negative: int
    negative_allowed: int
    alarms: tuple[tuple[str, str], ...]
    """Names of the watched alarms with their state."""
    earliest_end: datetime | None
    still_since: datetime | None


@dataclass(frozen=True, slots=True)
class TargetView:
    name: str
    digest: str | None
    release: str | None
    hosts: int
    hosts_in_service: int


@dataclass(frozen=True, slots=True)
class DecisionView:
    """The newest decision of a gate; ``message`` is the whole ``bakegate.gate/v1`` answer."""

    id: str
    verdict: str
    at: datetime
    checked_at: datetime
    until: datetime | None
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunView:
    """One release in one stage."""

    release: str
    number: int
    stage: str
    state: str
    outcome: str | None
    entered_at: datetime
    started_at: datetime | None
    deployed_at: datetime | None
    ended_at: datetime | None
    message: str
    progress: tuple[int, int] | None
    """Hosts replaced of all, while deploying or rolling back."""
    bake: BakeView | None
    decision: DecisionView | None
    superseded_by: str | None = None


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage as it stands: who is in it, who waits before it, what runs there."""

    name: str
    kind: str
    wave: int | None
    exposure: float | None
    deploys: bool
    transition: str
    transition_reason: str
    paused_reason: str
    active: RunView | None
    waiting: RunView | None
    last: RunView | None
    last_good: str | None
    """The release whose artifact a rollback would restore."""
    targets: tuple[TargetView, ...]


@dataclass(frozen=True, slots=True)
class ChangeView:
    commit: str
    author: str
    subject: str
    at: datetime
    rides_from: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceView:
    kind: str
    name: str
    stage: str
    result: str
    executed: int | None
    failed: int | None
    ended_at: datetime
    retries: int = 0
    coverage: float | None = None
    """Share of lines that the tests executed."""
    findings: dict[str, int] | None = None
    """Of a scan: findings that nobody accepted, by severity."""


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """A person's word, ``approved`` or ``rejected``; ``voided`` says why it no longer counts."""

    id: str
    stage: str
    word: str
    reason: str
    by: str
    at: datetime
    until: datetime
    voided: str


@dataclass(frozen=True, slots=True)
class OverrideView:
    id: str
    stage: str
    rule: str
    reason: str
    by: str
    second: str
    at: datetime
    until: datetime
    incident: str = ""


@dataclass(frozen=True, slots=True)
class ProblemView:
    id: str
    text: str
    by: str
    at: datetime
    cleared_at: datetime | None
    cleared_by: str
    resolution: str


@dataclass(frozen=True, slots=True)
class StepView:
    """A manual step of a stage's checklist; ``by`` is empty until somebody has ticked it."""

    stage: str
    item: str
    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PauseView:
    """Nothing enters what ``pipeline``, ``stage`` or ``organization`` names, until it ends.

    A pin lets one ``release`` in all the same.
    """

    id: str
    organization: str
    pipeline: str
    stage: str
    reason: str
    by: str
    at: datetime
    until: datetime | None
    release: str = ""


@dataclass(frozen=True, slots=True)
class ArrivalView:
    """A stage that a release has still to go through.

    ``earliest`` is when it can be deployed there at the soonest: bakes, windows and holds alone.
    ``entered`` and ``reached`` are when it is expected to enter and to be fully deployed.
    """

    stage: str
    earliest: datetime | None
    entered: datetime | None
    reached: datetime | None


@dataclass(frozen=True, slots=True)
class StretchView:
    """What a release is expected to do for a while: ``work``, ``bake``, or the cause of a wait."""

    kind: str
    stage: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ForecastView:
    """When a release is expected where, if nothing else happens.

    ``people`` names the stages that somebody has to let it into, each with when that is expected.
    ``unknown`` says why ``all_customers`` cannot be told; ``earliest`` may still be known.
    """

    release: str
    arrivals: tuple[ArrivalView, ...]
    earliest: datetime | None
    all_customers: datetime | None
    people: tuple[tuple[str, datetime], ...]
    unknown: str
    superseded_by: str
    superseded_at: datetime | None
    stretches: tuple[StretchView, ...]


@dataclass(frozen=True, slots=True)
class DiffersView:
    """How the pipeline file changed since a release began; ``gone`` is what it alone still has."""

    diff: str
    """As of the program ``diff``, unified."""
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftView:
    """Something that still runs on a target that the pipeline file no longer has."""

    stage: str
    target: str
    digest: str
    release: str | None


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """A row of a list of releases; ``stages`` holds each stage that it reached, with its state."""

    id: str
    pipeline: str
    number: int
    kind: str
    commit: str
    outcome: str | None
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    stages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """One release with its stages in order, its events oldest first and all its decisions."""

    id: str
    pipeline: str
    number: int
    kind: str
    commit: str
    digest: str | None
    created_at: datetime
    created_by: str
    outcome: str | None
    ended_at: datetime | None
    changes: tuple[ChangeView, ...]
    evidence: tuple[EvidenceView, ...]
    packages: int | None
    """Packages in the SBOM; None without one."""
    runs: tuple[RunView, ...]
    decisions: tuple[DecisionView, ...]
    events: tuple[EventView, ...]
    superseded_by: str | None = None
    approvals: tuple[ApprovalView, ...] = ()
    overrides: tuple[OverrideView, ...] = ()
    checklist: tuple[StepView, ...] = ()
    """The manual steps of the stages that it waits for or has entered."""
    problems: tuple[ProblemView, ...] = ()
    reason: str = ""
    """Why it is an emergency."""
    incident: str = ""
    """What the emergency mends."""
    confirmed_by: str = ""
    """Which system reports that incident; empty where only who submitted the release says so."""
    least_reason: int = 1
    """Characters that ``override-justified`` asks of the reason of an override."""
    removed_at: datetime | None = None
    """When its artifact was removed, because nothing needed it any more."""
    differs: DiffersView | None = None
    """How the pipeline file changed since; None where it did not, or once the release ended."""
    forecast: ForecastView | None = None
    """None once it has ended."""


@dataclass(frozen=True, slots=True)
class FindingView:
    rule: str
    result: str
    enforcement: str
    message: str
    line: int


@dataclass(frozen=True, slots=True)
class SourceView:
    """Why a polled repository cannot be read, and since when."""

    error: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class PipelineView:
    """One pipeline with its stages in order; ``version`` grows with every event (its sequence)."""

    name: str
    organization: str
    team: str
    tier: int | None
    version: int
    now: datetime
    stages: tuple[StageView, ...]
    in_flight: tuple[RunView, ...]
    events: tuple[EventView, ...]
    findings: tuple[FindingView, ...]
    path: str
    pauses: tuple[PauseView, ...] = ()
    source: SourceView | None = None
    """What is wrong with the repository that is polled; None where nothing is."""
    forecasts: tuple[ForecastView, ...] = ()
    """One for each release in flight, in their order."""
    closed: tuple[tuple[datetime, datetime], ...] = ()
    """When the time of production is closed, as far as the forecasts reach."""
    left: tuple[LeftView, ...] = ()
    usual: tuple[tuple[str, timedelta], ...] = ()
    """How long stages took their last releases, at the median."""
    automation: int | None = None
    """The level from 0 to 5 as the switches of its stages stand."""


@dataclass(frozen=True, slots=True)
class PipelineSummary:
    """A row of the list of pipelines. ``attention`` orders it: what needs a person stands first."""

    name: str
    organization: str
    team: str
    tier: int | None
    newest_release: str | None
    newest_state: str
    answer: str
    attention: str
    """``act``, ``rolled_back``, ``held``, ``moving`` or ``quiet``."""
    since: datetime | None
    stages: tuple[tuple[str, str, str | None], ...] = ()
    """Name, state and release number of each stage, in order."""


@dataclass(frozen=True, slots=True)
class NoticeView:
    """One message to one team: about which rule and moment, and when it was sent."""

    key: str
    rule: str
    moment: str
    date: str
    team: str
    via: str
    pipelines: tuple[str, ...]
    ordered_at: datetime
    sent_at: datetime | None
    error: str

    @property
    def place(self) -> str:
        """Where it stands among all, the newest first."""
        return f"{self.ordered_at.isoformat()} {self.key}"
