"""Share links. Passes are made anew, with the share link that they hang on: browsers come in again by the console."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "shares",
        sa.Column("id", sa.String(), primary_key=True),
        _needed("digest", sa.String()),
        _job(),
        *(_needed(name, sa.String()) for name in ("user", "project_id", "note", "password_hash")),
        *(_needed(name, sa.BigInteger()) for name in ("created_at", "expires_at")),
        _needed("uses", sa.Integer()),
        sa.Column("used_at", sa.BigInteger()),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_shares_by_job", "shares", ["job_id", "created_at"])
    op.drop_table("passes")
    op.create_table(
        "passes",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), primary_key=True),
        _job(),
        *(_needed(name, sa.String()) for name in ("user", "project_id")),
        *(sa.Column(name, sa.String()) for name in ("basis_kind", "basis_digest")),
        sa.Column("share_id", sa.String(), sa.ForeignKey("shares.id", ondelete="CASCADE")),
        *(_needed(name, sa.BigInteger()) for name in ("created_at", "expires_at", "ends_at")),
    )
    op.create_index("ix_passes_by_job", "passes", ["job_id"])
    op.create_index("ix_passes_by_share", "passes", ["share_id"])
    op.create_index("ix_passes_by_expiry", "passes", ["expires_at"])


def _job() -> sa.Column[Any]:
    return sa.Column("job_id", _ROW_ID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False)


def _needed(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
