"""Keep which messages of code forges were taken, and which artifacts others built.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["pipeline"], ["pipelines.name"]),
        sa.ForeignKeyConstraint(["release"], ["releases.id"]),
        sa.PrimaryKeyConstraint("pipeline", "id"),
    )
    with op.batch_alter_table("releases") as batch:
        batch.add_column(
            sa.Column("pushed", sa.Boolean(), nullable=False, server_default=sa.false())
        )
