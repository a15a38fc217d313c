"""Count data points for each operation.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    # A table anew instead of another key: SQLite can only do the one, PostgreSQL does it as well.
    op.rename_table("counts", "counts_before")
    op.create_table(
        "counts",
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("start", Instant(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("positive", sa.Integer(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "stage", "target", "digest", "start", "operation"),
    )
    known = "pipeline, stage, target, digest, start, positive, negative"
    op.execute(f"INSERT INTO counts ({known}, operation) SELECT {known}, '' FROM counts_before")  # noqa: S608 - names of columns
    op.drop_table("counts_before")
