"""Find open runs, newest runs and releases, and recent counts without reading all there ever were.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.drop_index("ix_runs_pipeline", "runs")
    op.create_index("ix_runs_open", "runs", ["pipeline", "outcome"])
    op.create_index("ix_runs_newest", "runs", ["pipeline", "stage", "id"])
    op.drop_index("ix_releases_pipeline", "releases")
    op.create_index("ix_releases_newest", "releases", ["pipeline", "number"])
    op.create_index("ix_releases_created_at", "releases", ["created_at"])
    op.create_index("ix_decisions_newest", "decisions", ["pipeline", "stage", "id"])
    op.create_index("ix_counts_recent", "counts", ["pipeline", "stage", "start"])
    op.create_index("ix_lint_results_rule", "lint_results", ["rule"])
