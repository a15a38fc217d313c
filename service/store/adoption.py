"""How rules are taken up: from when on lint said which result of a pipeline."""

from collections.abc import Collection, Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from service.store.tables import instant


class LintChangeRow(SQLModel, table=True):
    """From when on lint said another result of a pipeline than before, exceptions aside."""

    __tablename__ = "lint_changes"
    __table_args__ = (sa.Index("ix_lint_changes_rule", "rule"),)
    id: int | None = Field(default=None, primary_key=True)
    pipeline: str
    rule: str
    at: datetime = instant()
    result: str


def changes(
    session: Session, rules: Collection[str], pipelines: Collection[str]
) -> Iterator[LintChangeRow]:
    """Of these rules and pipelines, the oldest first."""
    asked = select(LintChangeRow).where(col(LintChangeRow.rule).in_(rules))
    for row in session.exec(asked.order_by(col(LintChangeRow.id))):
        if row.pipeline in pipelines:
            yield row
