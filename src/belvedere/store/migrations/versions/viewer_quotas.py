"""Quotas of a project's viewers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Take the step."""
    op.add_column("project_quotas", sa.Column("awake_viewers", sa.Integer()))
    op.add_column("project_quotas", sa.Column("memory_bytes", sa.BigInteger()))
