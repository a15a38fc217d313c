"""Keep when the artifact of a release was removed.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    with op.batch_alter_table("releases") as batch:
        batch.add_column(sa.Column("removed_at", Instant(), nullable=True))
