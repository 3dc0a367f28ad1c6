"""Passes to single jobs' viewers. Viewer sessions and tickets of before opened a whole project: they end here."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "passes",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("job_id", _ROW_ID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("basis_kind", sa.String()),
        sa.Column("basis_digest", sa.String()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_passes_by_job", "passes", ["job_id"])
    op.create_index("ix_passes_by_expiry", "passes", ["expires_at"])
    op.execute("DELETE FROM secrets WHERE kind IN ('viewer-session', 'viewer-ticket')")
