"""Keep what people say of releases: approvals, ticked steps, overrides, pauses.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("pipelines") as batch:
        batch.drop_column("paused")
    _of_release("approvals", _text("word"), _text("voided"))
    _of_release("overrides", _text("rule"), _text("second"))
    op.create_table(
        "ticks",
        sa.Column("release", sa.String(), nullable=False),
        _text("stage"),
        _text("item"),
        _text("by"),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.id"]),
        sa.PrimaryKeyConstraint("release", "stage", "item"),
    )
    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        *map(_text, ("organization", "pipeline", "stage", "reason", "by")),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        _text("ended_by"),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("organization", "pipeline"):
        op.create_index(f"ix_pauses_{column}", "pauses", [column])


def _of_release(table: str, *more: sa.Column[str]) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *map(_text, ("release", "stage", "digest", "reason", "by")),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        *more,
        sa.ForeignKeyConstraint(["release"], ["releases.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(f"ix_{table}_release", table, ["release"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)
