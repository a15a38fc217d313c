"""Keep what reports say of coverage and of findings.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("evidence") as batch:
        batch.add_column(sa.Column("coverage", sa.Float(), nullable=True))
        batch.add_column(sa.Column("findings", sa.JSON(none_as_null=True), nullable=True))
        batch.add_column(sa.Column("new_findings", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("releases") as batch:
        batch.add_column(sa.Column("findings", sa.String(), nullable=True))
        batch.create_foreign_key("fk_releases_findings", "blobs", ["findings"], ["digest"])
