"""The tables, and the types of their columns. `migrations` makes them; a test holds the two against each other.

Times and durations are whole microseconds, which is all a Python datetime has: nothing is lost on the way, integers
compare and index alike in every database, and none of them has to know what a time zone is.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

from belvedere.contract.audit import ResourceType, TraceName
from belvedere.contract.reasons import Reason
from belvedere.identity.passes import PassKind
from belvedere.identity.permissions import Role
from belvedere.identity.records import SecretKind
from belvedere.lifecycle.jobs import End, Intent, Source, StopCause, TimeUnit, Visibility

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError(f"a datetime without a time zone: {moment!r}")
    return (moment - _EPOCH) // _MICROSECOND


def instant(since_epoch: int) -> datetime:
    """The moment so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=since_epoch)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970, given back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else instant(value)


class Duration(TypeDecorator[timedelta]):
    """A timedelta, kept as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> timedelta | None:
        return None if value is None else timedelta(microseconds=value)


class Word(TypeDecorator[StrEnum]):
    """A member of a closed set, kept as its value."""

    impl = String
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


class ReasonText(TypeDecorator[Reason]):
    """A reason, kept as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Reason | None, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Reason | None:
        return None if value is None else msgspec.json.decode(value, type=Reason)


class SourceList(TypeDecorator[tuple[Source, ...]]):
    """A job's log sources, kept as JSON; none of them as NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[Source, ...] | None, dialect: Dialect) -> str | None:
        return msgspec.json.encode(value).decode() if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Source, ...]:
        return () if value is None else msgspec.json.decode(value, type=tuple[Source, ...])


# Later migrations can then name a constraint that they change.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

# SQLite counts up by itself in columns declared INTEGER only.
RowId = BigInteger().with_variant(Integer(), "sqlite")

jobs = Table(
    "jobs",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("project_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("train_url", Text, nullable=False),
    Column("store", String, nullable=False),
    Column("sources", SourceList),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("description", Text, nullable=False),
    Column("job_type", String, nullable=False),
    Column("flavor", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("visibility", Word(Visibility), nullable=False),
    Column("resource_id", String, nullable=False, unique=True),
    Column("auto_stop_duration", Integer),
    Column("auto_stop_unit", Word(TimeUnit)),
    Column("sleep_after", Integer),
    Column("intent", Word(Intent), nullable=False),
    Column("intended_at", UtcDateTime, nullable=False),
    Column("stop_cause", Word(StopCause)),
    Column("attempt", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    # The present attempt
    Column("taken_up_at", UtcDateTime),
    Column("submitted_at", UtcDateTime),
    Column("waiting", ReasonText),
    Column("running_since", UtcDateTime),
    Column("ran_before", Duration, nullable=False),
    Column("first_ran_at", UtcDateTime),
    Column("losses", Integer, nullable=False),
    Column("unreachable_since", UtcDateTime),
    Column("note", ReasonText),
    Column("ended_at", UtcDateTime),
    Column("end", Word(End)),
    Column("end_reason", ReasonText),
    Column("delete_failed_at", UtcDateTime),
    # Projections: computed from the facts above and written in the same statement, so that lists can filter, sort and
    # search by them. They are never read back as truth: a job that is read gets its status from `lifecycle.status`.
    Column("status", Integer, nullable=False),
    Column("audience", String, nullable=False),
    Column("search_text", Text, nullable=False),
    # When the reconciler wants to look at it, and who does just now
    Column("look_at", UtcDateTime),
    Column("hinted", Boolean, nullable=False),
    Column("claimed_by", String),
    Column("claim_token", String),
    Column("claim_until", UtcDateTime),
    sqlite_autoincrement=True,  # an id is never used twice, not even that of a deleted job
)

# One index for each order of a list. `audience` and `status` ride along, so that a page's ids are found, and those that
# the caller may not see or does not want skipped, without touching a row. The order by duration depends on the present
# time while a job runs, so no index can hold it; its two parts are in one that the expression is computed from.
_RIDERS = ("audience", "status")
Index("ix_jobs_by_id", jobs.c.project_id, jobs.c.id, *(jobs.c[rider] for rider in _RIDERS))
for _key in ("name", "description", "created_at", "train_url", "owner"):
    Index(f"ix_jobs_by_{_key}", jobs.c.project_id, jobs.c[_key], jobs.c.id, *(jobs.c[rider] for rider in _RIDERS))
Index("ix_jobs_by_status", jobs.c.project_id, jobs.c.status, jobs.c.id, jobs.c.audience)
Index(
    "ix_jobs_by_duration",
    *(jobs.c[name] for name in ("project_id", "ran_before", "running_since", "id", "audience", "status")),
)
Index("ix_jobs_by_search_text", jobs.c.project_id, jobs.c.search_text, jobs.c.id)
Index("ix_jobs_due", jobs.c.claim_until, jobs.c.look_at)
Index("ix_jobs_by_store", jobs.c.store, jobs.c.project_id)
Index("ix_jobs_live", jobs.c.intent, jobs.c.end)

# How many jobs there are, kept in the transaction that changes a job: totals and quotas cost no scan.
job_counts = Table(
    "job_counts",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("audience", String, primary_key=True),
    Column("status", Integer, primary_key=True, autoincrement=False),
    Column("n", Integer, nullable=False),
)

job_tags = Table(
    "job_tags",
    metadata,
    Column("job_id", RowId, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String, primary_key=True),
    Column("position", Integer, nullable=False),
)
Index("ix_job_tags_by_tag", job_tags.c.tag, job_tags.c.job_id)

job_events = Table(
    "job_events",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("job_id", RowId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reason", String),
)
Index("ix_job_events_by_job", job_events.c.job_id, job_events.c.id)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("job_id", RowId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
Index("ix_idempotency_keys_by_job", idempotency_keys.c.job_id)
Index("ix_idempotency_keys_by_expiry", idempotency_keys.c.expires_at)

beats = Table(
    "beats",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

log_stores = Table(
    "log_stores",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("endpoint", String, nullable=False),
    Column("region", String, nullable=False),
    Column("addressing", String, nullable=False),
    Column("allow_http", Boolean, nullable=False),
    Column("access_key", String, nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
)
Index("ix_projects_by_name", projects.c.name, unique=True)

users = Table(
    "users",
    metadata,
    Column("name", String, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("is_service", Boolean, nullable=False),
    Column("is_administrator", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("password_changed_at", UtcDateTime),
)

# Who signs in at an OpenID provider, by the provider's own id. A user is one person there.
outsiders = Table(
    "outsiders",
    metadata,
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("user", String, ForeignKey("users.name"), nullable=False),
    UniqueConstraint("issuer", "user", name="uq_outsiders_user"),
)

members = Table(
    "members",
    metadata,
    Column("project_id", String, ForeignKey("projects.id"), primary_key=True),
    Column("user", String, ForeignKey("users.name"), primary_key=True),
    Column("role", Word(Role), nullable=False),
)
Index("ix_members_by_user", members.c.user, members.c.project_id)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key", String, primary_key=True),
    Column("user", String, ForeignKey("users.name"), nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("description", Text, nullable=False),
    Column("is_bootstrap", Boolean, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("token_digest", String, nullable=False),
)
Index("ix_access_keys_by_user", access_keys.c.user, access_keys.c.created_at)
Index("ix_access_keys_by_expiry", access_keys.c.expires_at)

secrets = Table(
    "secrets",
    metadata,
    Column("kind", Word(SecretKind), primary_key=True),
    Column("digest", String, primary_key=True),
    Column("user", String, nullable=False),
    Column("project_id", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("methods", String, nullable=False, server_default=""),
    Column("is_domain_scoped", Boolean, nullable=False, server_default=false()),
)
Index("ix_secrets_by_expiry", secrets.c.expires_at)
Index("ix_secrets_by_user", secrets.c.user)

shares = Table(
    "shares",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", String, nullable=False, unique=True),
    Column("job_id", RowId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("user", String, nullable=False),
    Column("project_id", String, nullable=False),
    Column("note", String, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used_at", UtcDateTime),
)
Index("ix_shares_by_job", shares.c.job_id, shares.c.created_at)

passes = Table(
    "passes",
    metadata,
    Column("kind", Word(PassKind), primary_key=True),
    Column("digest", String, primary_key=True),
    Column("job_id", RowId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("user", String, nullable=False),
    Column("project_id", String, nullable=False),
    Column("basis_kind", Word(SecretKind)),
    Column("basis_digest", String),
    Column("share_id", String, ForeignKey("shares.id", ondelete="CASCADE")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
)
Index("ix_passes_by_share", passes.c.share_id)
Index("ix_passes_by_job", passes.c.job_id)
Index("ix_passes_by_expiry", passes.c.expires_at)

# Added to, never changed: triggers see to that.
audit_traces = Table(
    "audit_traces",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("name", Word(TraceName), nullable=False),
    Column("rating", String, nullable=False),
    Column("resource_type", Word(ResourceType), nullable=False),
    Column("resource_id", String, nullable=False),
    Column("resource_name", String, nullable=False),
    Column("project_id", String, nullable=False),
    Column("user", String, nullable=False),
    Column("signed_by", String, nullable=False),
    Column("address", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("code", String, nullable=False),
    Column("message", String, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_audit_traces_by_project", audit_traces.c.project_id, audit_traces.c.id)
Index("ix_audit_traces_by_user", audit_traces.c.user, audit_traces.c.id)
Index("ix_audit_traces_by_resource", audit_traces.c.resource_id, audit_traces.c.id)
Index("ix_audit_traces_by_time", audit_traces.c.at)

audit_marks = Table(
    "audit_marks",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# What a project may have, where that is other than the settings say.
project_quotas = Table(
    "project_quotas",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("jobs", Integer),
    Column("running_jobs", Integer),
    Column("awake_viewers", Integer),
    Column("memory_bytes", BigInteger),
    Column("mirror_bytes", BigInteger),
)
