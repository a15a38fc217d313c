"""Keep the levels of rules as they were logged, and which steps came before their date.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("due", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["pipeline"], ["pipelines.name"]),
        sa.PrimaryKeyConstraint("pipeline"),
    )
    op.create_index("ix_schedules_due", "schedules", ["due"])
    op.create_table(
        "ready_steps",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("organizations", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("node", "rule", "day", "organizations"),
    )
