"""Quotas of a project's logs on disk."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Take the step."""
    op.add_column("project_quotas", sa.Column("mirror_bytes", sa.BigInteger()))
