"""Let two persons keep the blocklist, halt runs that it names, and remember ancestry of commits.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "ancestry",
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("ancestor", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("contained", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("repository", "ancestor", "commit"),
    )
    with op.batch_alter_table("blocklist") as batch:
        batch.add_column(_words("state", "active"))
        batch.add_column(_words("confirmed_by"))
        batch.add_column(_words("removed_by"))
        batch.add_column(sa.Column("removed_at", Instant(), nullable=True))
        batch.add_column(_words("removal"))
    with op.batch_alter_table("runs") as batch:
        batch.add_column(_words("blocked"))


def _words(name: str, default: str = "") -> sa.Column[str]:
    """A column of words; rows that exist already say the default."""
    return sa.Column(name, sa.String(), nullable=False, server_default=sa.text(f"'{default}'"))
