"""Find the newest messages to teams, a page at a time, without sorting all that there ever were.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index("ix_notices_ordered_at", "notices", ["ordered_at"])
