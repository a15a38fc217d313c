"""Keep which release a stage is pinned to.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    with op.batch_alter_table("pauses") as batch:
        batch.add_column(sa.Column("release", sa.String(), nullable=False, server_default=""))
