"""The tables. State tables are what ``decide`` last said; the log says how it came.

Everything that is large or repeats (definitions, inputs of decisions, SBOMs) is kept once, by
content. The lock of a pipeline is its row: whoever holds it owns the pipeline's runs, stages and
sequence.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class Instant(TypeDecorator[datetime]):
    """An aware instant. SQLite keeps no zone, so what comes back is UTC again."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and not value.tzinfo else value


def instant(*, index: bool = False, null: bool = False) -> Any:
    return Field(sa_column=sa.Column(Instant(), index=index, nullable=null))


def _json(*, null: bool = False) -> Any:
    if null:
        # None is no value here, and not the word null of JSON.
        return Field(default=None, sa_column=sa.Column(sa.JSON(none_as_null=True), nullable=True))
    return Field(sa_column=sa.Column(sa.JSON(), nullable=False))


class Blob(SQLModel, table=True):
    """A text by the SHA-256 of its bytes."""

    __tablename__ = "blobs"
    digest: str = Field(primary_key=True)
    text: str = Field(sa_column=sa.Column(sa.Text(), nullable=False))


class OrganizationRow(SQLModel, table=True):
    """Every registered version of the organization; the newest holds."""

    __tablename__ = "organizations"
    id: int | None = Field(default=None, primary_key=True)
    files: dict[str, str] = _json()
    at: datetime = instant()
    actor: str


class PipelineRow(SQLModel, table=True):
    __tablename__ = "pipelines"
    name: str = Field(primary_key=True)
    organization: str = Field(index=True)
    repository: str
    path: str
    definition: str = Field(foreign_key="blobs.digest")
    sequence: int = 0
    releases: int = 0


class ReleaseRow(SQLModel, table=True):
    """One release; it keeps the definition that it started with."""

    __tablename__ = "releases"
    __table_args__ = (sa.Index("ix_releases_newest", "pipeline", "number"),)
    id: str = Field(primary_key=True)
    pipeline: str = Field(foreign_key="pipelines.name")
    number: int
    kind: str
    reason: str = ""
    """Why it is an emergency."""
    incident: str = ""
    """What the emergency mends."""
    commit: str = Field(index=True)
    definition: str = Field(foreign_key="blobs.digest")
    digest: str = Field(default="", index=True)
    pushed: bool = False
    """Whether somebody else built the artifact and pushed it here."""
    sbom: str | None = Field(default=None, foreign_key="blobs.digest")
    findings: str | None = Field(default=None, foreign_key="blobs.digest")
    """What scanners found in the artifact; None where nobody scanned it."""
    base: str = ""
    changes: list[dict[str, Any]] = _json()
    created_at: datetime = instant(index=True)
    created_by: str
    built_at: datetime | None = instant(null=True)
    ended_at: datetime | None = instant(null=True)
    outcome: str = ""
    superseded_by: str = ""
    removed_at: datetime | None = instant(null=True)
    """When its artifact was removed, because nothing needed it any more."""


class RunRow(SQLModel, table=True):
    """One release in one stage. A row that holds or waits for a stage always has a ``due``."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.UniqueConstraint("release", "stage"),
        sa.Index("ix_runs_open", "pipeline", "outcome"),
        sa.Index("ix_runs_newest", "pipeline", "stage", "id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    pipeline: str = Field(foreign_key="pipelines.name")
    release: str = Field(foreign_key="releases.id", index=True)
    stage: str
    state: str
    outcome: str = ""
    message: str = ""
    seq: int = 0
    op: str = ""
    progress: list[dict[str, Any]] = _json()
    """Each target that a deployment or rollback has begun to change, and how far it is."""
    due: datetime | None = instant(index=True, null=True)
    entered_at: datetime = instant()
    started_at: datetime | None = instant(null=True)
    deployed_at: datetime | None = instant(null=True)
    ended_at: datetime | None = instant(null=True)
    still: bool = False
    attempt: int = 1
    """Counts from one; a retry has keys of its own, so that what failed is done anew."""
    decision: str = ""
    blocked: str = ""
    """Why the blocklist halts the run when the batch that runs has ended."""


class StageRow(SQLModel, table=True):
    """One stage of a pipeline: its switch, who acts in it, and what runs on its targets."""

    __tablename__ = "stages"
    pipeline: str = Field(primary_key=True, foreign_key="pipelines.name")
    stage: str = Field(primary_key=True)
    transition: str
    reason: str = ""
    active: int | None = None
    epoch: int = 0
    running: dict[str, str] = _json()
    good: str = ""
    """Digest that last ended well here: what a rollback restores."""
    before: str = ""
    """The one before it, for when the last good one turns out to be bad."""


class EventRow(SQLModel, table=True):
    __tablename__ = "events"
    __table_args__ = (sa.UniqueConstraint("pipeline", "sequence"),)
    id: int | None = Field(default=None, primary_key=True)
    pipeline: str = Field(index=True)
    sequence: int
    at: datetime = instant()
    release: str | None = Field(default=None, index=True)
    stage: str | None = None
    kind: str
    actor: str
    data: dict[str, Any] = _json()


class DecisionRow(SQLModel, table=True):
    __tablename__ = "decisions"
    __table_args__ = (sa.Index("ix_decisions_newest", "pipeline", "stage", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    pipeline: str
    release: str = Field(index=True)
    stage: str
    verdict: str
    at: datetime = instant()
    checked_at: datetime = instant()
    until: datetime | None = instant(null=True)
    message: dict[str, Any] = _json()
    inputs: str = Field(foreign_key="blobs.digest")


class EvidenceRow(SQLModel, table=True):
    __tablename__ = "evidence"
    id: int | None = Field(default=None, primary_key=True)
    release: str = Field(index=True)
    kind: str
    name: str
    stage: str
    result: str
    executed: int | None = None
    failed: int | None = None
    retries: int = 0
    soft_failed: bool = False
    ended_at: datetime = instant()
    coverage: float | None = None
    """Share of lines that the tests executed."""
    findings: dict[str, int] | None = _json(null=True)
    """Of a scan: findings that nobody accepted, by severity."""
    new_findings: dict[str, int] | None = _json(null=True)


class SourceRow(SQLModel, table=True):
    """A polled repository that cannot be read, and since when; no row where it can."""

    __tablename__ = "sources"
    pipeline: str = Field(primary_key=True, foreign_key="pipelines.name")
    error: str = Field(sa_column=sa.Column(sa.Text(), nullable=False))
    failed_at: datetime = instant()


class DeliveryRow(SQLModel, table=True):
    """A message of a code forge that was taken: repeated, it gives the same release."""

    __tablename__ = "deliveries"
    pipeline: str = Field(primary_key=True, foreign_key="pipelines.name")
    id: str = Field(primary_key=True)
    release: str = Field(foreign_key="releases.id")
    at: datetime = instant()


class CountRow(SQLModel, table=True):
    """Data points as counts per target, version, alarm period and operation: no row a request.

    Who tells of answers without saying to what, tells of the operation without a name.
    """

    __tablename__ = "counts"
    __table_args__ = (sa.Index("ix_counts_recent", "pipeline", "stage", "start"),)
    pipeline: str = Field(primary_key=True)
    stage: str = Field(primary_key=True)
    target: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    start: datetime = Field(sa_column=sa.Column(Instant(), primary_key=True))
    operation: str = Field(default="", primary_key=True)
    positive: int = 0
    negative: int = 0


class AlarmRow(SQLModel, table=True):
    """The state of an alarm of one stage; ``place`` is empty where the stage is judged as one."""

    __tablename__ = "alarms"
    pipeline: str = Field(primary_key=True)
    stage: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    place: str = Field(default="", primary_key=True)
    level: str
    since: datetime = instant()
    had_data_at: datetime | None = instant(null=True)


class ReportedRow(SQLModel, table=True):
    """An alarm as another system reported it last, by what it concerns."""

    __tablename__ = "reported_alarms"
    name: str = Field(primary_key=True)
    reach: str = Field(primary_key=True)
    pipeline: str = Field(primary_key=True)
    organization: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    level: str
    severity: str
    message: str = ""
    by: str
    since: datetime = instant()
    reported_at: datetime = instant()


class ExceptionRow(SQLModel, table=True):
    """An exemption or opt-out; ``until`` is the review of an opt-out. It is never deleted."""

    __tablename__ = "exceptions"
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    pipeline: str = Field(foreign_key="pipelines.name", index=True)
    rule: str
    finding: str = ""
    reason: str
    requested_by: str
    requested_at: datetime = instant()
    start: datetime = instant()
    until: datetime = instant()
    state: str
    approved_by: str = ""
    decided_by: str = ""
    decided_at: datetime | None = instant(null=True)
    decision: str = ""
    """Why it was denied or revoked, or what the approver added."""

    @property
    def name(self) -> str:
        return f"{'ex' if self.kind == 'exemption' else 'oo'}-{self.id}"


class BlocklistRow(SQLModel, table=True):
    """One entry for ever; where two persons are asked for, the second one confirms each change."""

    __tablename__ = "blocklist"
    id: str = Field(primary_key=True)
    entry: dict[str, Any] = _json()
    added_by: str
    added_at: datetime = instant()
    state: str = "active"
    confirmed_by: str = ""
    removed_by: str = ""
    removed_at: datetime | None = instant(null=True)
    removal: str = ""
    """Why it was removed, or why somebody wants to remove it."""


class AncestryRow(SQLModel, table=True):
    """Whether a commit contains another one: asked of git once, and true for ever."""

    __tablename__ = "ancestry"
    repository: str = Field(primary_key=True)
    ancestor: str = Field(primary_key=True)
    commit: str = Field(primary_key=True)
    contained: bool


class CalendarRow(SQLModel, table=True):
    """The last good copy of a calendar that a ruleset names by its address."""

    __tablename__ = "calendars"
    address: str = Field(primary_key=True)
    text: str = Field(default="", sa_column=sa.Column(sa.Text(), nullable=False))
    etag: str = ""
    fetched_at: datetime | None = instant(null=True)
    """When it was last known to be the newest."""
    failed_at: datetime | None = instant(null=True)
    """When it could not be renewed; None since it could again."""
    error: str = ""


class BeatRow(SQLModel, table=True):
    """A working process on PostgreSQL, and when it was last seen alive on the database's clock."""

    __tablename__ = "beats"
    executor: str = Field(primary_key=True)
    at: datetime = instant()
    dead: bool = False


class LintRow(SQLModel, table=True):
    """What lint said of a pipeline's registered file, rule by rule, before any exception."""

    __tablename__ = "lint_results"
    pipeline: str = Field(primary_key=True)
    rule: str = Field(primary_key=True, index=True)
    result: str
    enforcement: str
    message: str = ""
    line: int = 0
    fingerprints: list[str] = _json()
    """Of its findings that no inline ignore silences; exceptions are looked up when it is read."""


class ScheduleRow(SQLModel, table=True):
    """The level of each rule as it was last logged for a pipeline, and when the next is due."""

    __tablename__ = "schedules"
    pipeline: str = Field(primary_key=True, foreign_key="pipelines.name")
    levels: dict[str, str] = _json()
    due: datetime | None = instant(index=True, null=True)


class ReadyRow(SQLModel, table=True):
    """A scheduled step that came before its date, because enough pipelines complied.

    ``organizations`` are joined with a blank, which no name holds; empty means the whole node.
    """

    __tablename__ = "ready_steps"
    node: str = Field(primary_key=True)
    rule: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    organizations: str = Field(primary_key=True)
    at: datetime = instant()
    share: float


class NoticeRow(SQLModel, table=True):
    """One message to one team by one way: what was told, and when it was sent."""

    __tablename__ = "notices"
    key: str = Field(primary_key=True)
    rule: str
    moment: str
    day: str
    team: str
    channel: str
    via: str
    pipelines: list[str] = _json()
    subject: str
    text: str = Field(sa_column=sa.Column(sa.Text(), nullable=False))
    message: dict[str, Any] = _json()
    ordered_at: datetime = instant(index=True)
    attempts: int = 0
    sent_at: datetime | None = instant(null=True)
    error: str = ""
