"""Keep the roles of those who approve, and the incident that an emergency mends.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("approvals") as batch:
        batch.add_column(sa.Column("roles", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("releases") as batch:
        batch.add_column(sa.Column("incident", sa.String(), nullable=False, server_default=""))
