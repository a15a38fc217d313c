"""Keep exemptions and opt-outs, and the fingerprints of findings that they may cover.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "exceptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("start", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decision", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["pipeline"], ["pipelines.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_exceptions_pipeline", "exceptions", ["pipeline"])
    with op.batch_alter_table("lint_results") as batch:
        batch.add_column(
            sa.Column("fingerprints", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
        )
