"""Tables of what people say of releases; who said it and when stands in every row."""

from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.store.tables import instant


class Said(SQLModel):
    """A row that people name: by the prefix of its kind and its number, such as ``ap-7``."""

    prefix: ClassVar[str]
    id: int | None = Field(default=None, primary_key=True)

    @property
    def name(self) -> str:
        return f"{self.prefix}{self.id}"

    @classmethod
    def number(cls, name: str) -> int:
        """The number in a name; 0, which no row has, where it holds none."""
        digits = name.removeprefix(cls.prefix)
        return int(digits) if digits.isdecimal() else 0


class ApprovalRow(Said, table=True):
    """What a person said of one artifact at one stage; it ends, or is voided with its release."""

    __tablename__ = "approvals"
    prefix: ClassVar[str] = "ap-"
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
    roles: list[str] = Field(sa_column=sa.Column(sa.JSON(), nullable=False))
    """Which roles the person had who said it."""


class TickRow(SQLModel, table=True):
    """A manual step of a stage's checklist that was done for a release."""

    __tablename__ = "ticks"
    release: str = Field(primary_key=True, foreign_key="releases.id")
    stage: str = Field(primary_key=True)
    item: str = Field(primary_key=True)
    by: str
    at: datetime = instant()


class ProblemRow(Said, table=True):
    """What somebody saw go wrong with a release; it stands until a named person clears it."""

    __tablename__ = "problems"
    prefix: ClassVar[str] = "pr-"
    release: str = Field(foreign_key="releases.id", index=True)
    text: str
    by: str
    at: datetime = instant()
    cleared_at: datetime | None = instant(null=True)
    cleared_by: str = ""
    resolution: str = ""


class OverrideRow(Said, table=True):
    __tablename__ = "overrides"
    prefix: ClassVar[str] = "ov-"
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
    incident: str = ""
    """What the release mends, such as INC-31; empty where nobody named one."""


class PauseRow(Said, table=True):
    """Nothing enters a stage, a pipeline (no stage) or a node of the organization (no pipeline)."""

    __tablename__ = "pauses"
    prefix: ClassVar[str] = "pa-"
    organization: str = Field(index=True)
    pipeline: str = Field(index=True)
    stage: str
    release: str = ""
    """A pin: this release may enter all the same, and no other."""
    reason: str
    by: str
    at: datetime = instant()
    until: datetime | None = instant(null=True)
    ended_at: datetime | None = instant(null=True)
    ended_by: str = ""
