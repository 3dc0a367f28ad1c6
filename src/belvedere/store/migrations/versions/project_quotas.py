"""Quotas that a project has of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "project_quotas",
        sa.Column("project_id", sa.String(), primary_key=True),
        sa.Column("jobs", sa.Integer()),
        sa.Column("running_jobs", sa.Integer()),
    )
