"""Users, their roles in projects, and their access keys; what a token was got for and how."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "users",
        sa.Column("name", sa.String(), primary_key=True),
        _needed("id", sa.String()),
        _needed("created_at", sa.BigInteger()),
        *(_needed(name, sa.Boolean()) for name in ("is_service", "is_administrator", "is_enabled")),
        _needed("password_hash", sa.String()),
        sa.Column("password_changed_at", sa.BigInteger()),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "members",
        sa.Column("project_id", sa.String(), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("user", sa.String(), sa.ForeignKey("users.name"), primary_key=True),
        _needed("role", sa.String()),
    )
    op.create_index("ix_members_by_user", "members", ["user", "project_id"])
    _make_access_keys()
    op.add_column("projects", sa.Column("description", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_projects_by_name", "projects", ["name"], unique=True)
    op.add_column("secrets", sa.Column("methods", sa.String(), nullable=False, server_default=""))
    op.add_column("secrets", sa.Column("is_domain_scoped", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_secrets_by_user", "secrets", ["user"])


def _make_access_keys() -> None:
    op.create_table(
        "access_keys",
        sa.Column("access_key", sa.String(), primary_key=True),
        sa.Column("user", sa.String(), sa.ForeignKey("users.name"), nullable=False),
        _needed("sealed_secret", sa.Text()),
        _needed("created_at", sa.BigInteger()),
        _needed("description", sa.Text()),
        _needed("is_bootstrap", sa.Boolean()),
        sa.Column("expires_at", sa.BigInteger()),
        _needed("token_digest", sa.String()),
    )
    op.create_index("ix_access_keys_by_user", "access_keys", ["user", "created_at"])
    op.create_index("ix_access_keys_by_expiry", "access_keys", ["expires_at"])


def _needed(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
