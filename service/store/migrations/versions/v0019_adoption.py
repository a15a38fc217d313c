"""Keep when what lint says of a pipeline became another result.

What is known of pipelines that are there begins with the upgrade.

Revision ID: 0019
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from service.store.tables import Instant

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    made = op.create_table(
        "lint_changes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
    )
    op.create_index("ix_lint_changes_rule", "lint_changes", ["rule"])
    known = sa.table("lint_results", *map(sa.column, ("pipeline", "rule", "result")))
    now = sa.bindparam("now", datetime.now(UTC), type_=Instant())
    rows = sa.select(known.c.pipeline, known.c.rule, now, known.c.result)
    op.execute(made.insert().from_select(["pipeline", "rule", "at", "result"], rows))
