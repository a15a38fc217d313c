"""Keep alarms that other systems report, and judge those of targets, zones and regions apart.

The judged alarms are made anew: what they say is judged again from the counts.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.drop_table("alarms")
    op.create_table(
        "alarms",
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("had_data_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("pipeline", "stage", "name", "place"),
    )
    op.create_table(
        "reported_alarms",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reach", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("reported_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", "reach", "pipeline", "organization", "place"),
    )
