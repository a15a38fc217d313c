"""Tables of what people say of releases; who said it and when stands in every row."""

from datetime import datetime
from typing import Final

from sqlmodel import Field, SQLModel

from service.store.tables import instant


class ApprovalRow(SQLModel, table=True):
    """What a person said of one artifact at one stage; it ends, or is voided with its release."""

    __tablename__ = "approvals"
    id: int | None = Field(default=None, primary_key=True)
    release: str = Field(foreign_key="releases.id", index=True)
    stage: str
    digest: str
    word: str
    reason: str = ""
    by: str
    at: datetime = instant()
    until: datetime = instant()
    voided: str = ""
    """Why it is void."""


class TickRow(SQLModel, table=True):
    """A manual step of a stage's checklist that was done for a release."""

    __tablename__ = "ticks"
    release: str = Field(primary_key=True, foreign_key="releases.id")
    stage: str = Field(primary_key=True)
    item: str = Field(primary_key=True)
    by: str
    at: datetime = instant()


class ProblemRow(SQLModel, table=True):
    """What somebody saw go wrong with a release; it stands until a named person clears it."""

    __tablename__ = "problems"
    id: int | None = Field(default=None, primary_key=True)
    release: str = Field(foreign_key="releases.id", index=True)
    text: str
    by: str
    at: datetime = instant()
    cleared_at: datetime | None = instant(null=True)
    cleared_by: str = ""
    resolution: str = ""


class OverrideRow(SQLModel, table=True):
    __tablename__ = "overrides"
    id: int | None = Field(default=None, primary_key=True)
    release: str = Field(foreign_key="releases.id", index=True)
    stage: str
    rule: str
    digest: str
    reason: str
    by: str
    second: str = ""
    """The second person, where the organization asks for one."""
    at: datetime = instant()
    until: datetime = instant()


class PauseRow(SQLModel, table=True):
    """Nothing enters a stage, a pipeline (no stage) or a node of the organization (no pipeline)."""

    __tablename__ = "pauses"
    id: int | None = Field(default=None, primary_key=True)
    organization: str = Field(index=True)
    pipeline: str = Field(index=True)
    stage: str
    reason: str
    by: str
    at: datetime = instant()
    until: datetime | None = instant(null=True)
    ended_at: datetime | None = instant(null=True)
    ended_by: str = ""


METADATA: Final = SQLModel.metadata
"""Every table, those of ``service.store.tables`` too; migrations are compared with it."""
