"""Keep which polled repositories cannot be read, and since when.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["pipeline"], ["pipelines.name"]),
        sa.PrimaryKeyConstraint("pipeline"),
    )
