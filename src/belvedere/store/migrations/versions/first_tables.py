"""The first tables. Column types are spelled out, so that this step stays what it was when `store.tables` moves on."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Take the step."""
    _make_jobs()
    _index_jobs()
    _make_what_belongs_to_a_job()
    _make_counts_and_beats()
    _make_log_stores()
    _make_identities()


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        *_facts_of_the_job(),
        *_facts_of_the_run(),
        # Projections
        _needed("status", sa.Integer()),
        _needed("audience", sa.String()),
        _needed("search_text", sa.Text()),
        # The reconciler's
        sa.Column("look_at", sa.BigInteger()),
        _needed("hinted", sa.Boolean()),
        sa.Column("claimed_by", sa.String()),
        sa.Column("claim_token", sa.String()),
        sa.Column("claim_until", sa.BigInteger()),
        sa.UniqueConstraint("resource_id"),
        sqlite_autoincrement=True,
    )


def _facts_of_the_job() -> list[sa.Column[Any]]:
    return [
        *(_needed(name, sa.String()) for name in ("project_id", "name")),
        _needed("train_url", sa.Text()),
        _needed("store", sa.String()),
        *(_needed(name, sa.BigInteger()) for name in ("created_at", "updated_at")),
        _needed("description", sa.Text()),
        *(_needed(name, sa.String()) for name in ("job_type", "flavor", "owner", "visibility", "resource_id")),
        sa.Column("auto_stop_duration", sa.Integer()),
        sa.Column("auto_stop_unit", sa.String()),
        sa.Column("sleep_after", sa.Integer()),
        _needed("intent", sa.String()),
        _needed("intended_at", sa.BigInteger()),
        sa.Column("stop_cause", sa.String()),
        *(_needed(name, sa.Integer()) for name in ("attempt", "revision", "version")),
    ]


def _facts_of_the_run() -> list[sa.Column[Any]]:
    return [
        sa.Column("taken_up_at", sa.BigInteger()),
        sa.Column("submitted_at", sa.BigInteger()),
        sa.Column("waiting", sa.Text()),
        sa.Column("running_since", sa.BigInteger()),
        _needed("ran_before", sa.BigInteger()),
        sa.Column("first_ran_at", sa.BigInteger()),
        _needed("losses", sa.Integer()),
        sa.Column("unreachable_since", sa.BigInteger()),
        sa.Column("note", sa.Text()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("end", sa.String()),
        sa.Column("end_reason", sa.Text()),
        sa.Column("delete_failed_at", sa.BigInteger()),
    ]


def _index_jobs() -> None:
    op.create_index("ix_jobs_by_id", "jobs", ["project_id", "id", "audience", "status"])
    for key in ("name", "description", "created_at", "train_url", "owner"):
        op.create_index(f"ix_jobs_by_{key}", "jobs", ["project_id", key, "id", "audience", "status"])
    op.create_index("ix_jobs_by_status", "jobs", ["project_id", "status", "id", "audience"])
    duration = ["project_id", "ran_before", "running_since", "id", "audience", "status"]
    op.create_index("ix_jobs_by_duration", "jobs", duration)
    op.create_index("ix_jobs_by_search_text", "jobs", ["project_id", "search_text", "id"])
    op.create_index("ix_jobs_due", "jobs", ["claim_until", "look_at"])
    op.create_index("ix_jobs_by_store", "jobs", ["store", "project_id"])
    op.create_index("ix_jobs_live", "jobs", ["intent", "end"])


def _make_what_belongs_to_a_job() -> None:
    op.create_table(
        "job_tags",
        sa.Column("job_id", _ROW_ID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tag", sa.String(), primary_key=True),
        _needed("position", sa.Integer()),
    )
    op.create_index("ix_job_tags_by_tag", "job_tags", ["tag", "job_id"])
    op.create_table(
        "job_events",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("job_id", _ROW_ID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        _needed("at", sa.BigInteger()),
        _needed("kind", sa.String()),
        _needed("text", sa.Text()),
        _needed("attempt", sa.Integer()),
        sa.Column("reason", sa.String()),
    )
    op.create_index("ix_job_events_by_job", "job_events", ["job_id", "id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("project_id", sa.String(), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        _needed("digest", sa.String()),
        sa.Column("job_id", _ROW_ID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        _needed("expires_at", sa.BigInteger()),
    )
    op.create_index("ix_idempotency_keys_by_job", "idempotency_keys", ["job_id"])
    op.create_index("ix_idempotency_keys_by_expiry", "idempotency_keys", ["expires_at"])


def _make_counts_and_beats() -> None:
    op.create_table(
        "job_counts",
        sa.Column("project_id", sa.String(), primary_key=True),
        sa.Column("audience", sa.String(), primary_key=True),
        sa.Column("status", sa.Integer(), primary_key=True, autoincrement=False),
        _needed("n", sa.Integer()),
    )
    op.create_table(
        "beats",
        sa.Column("name", sa.String(), primary_key=True),
        _needed("at", sa.BigInteger()),
    )


def _make_log_stores() -> None:
    op.create_table(
        "log_stores",
        sa.Column("project_id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        *(_needed(name, sa.String()) for name in ("endpoint", "region", "addressing")),
        _needed("allow_http", sa.Boolean()),
        _needed("access_key", sa.String()),
        _needed("sealed_secret", sa.Text()),
        *(_needed(name, sa.BigInteger()) for name in ("created_at", "updated_at")),
        _needed("revision", sa.Integer()),
    )


def _make_identities() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(), primary_key=True),
        _needed("name", sa.String()),
        _needed("created_at", sa.BigInteger()),
    )
    op.create_table(
        "secrets",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), primary_key=True),
        _needed("user", sa.String()),
        _needed("project_id", sa.String()),
        _needed("created_at", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
    )
    op.create_index("ix_secrets_by_expiry", "secrets", ["expires_at"])


def _needed(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
