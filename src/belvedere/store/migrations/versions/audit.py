"""The audit. Its traces can be added to, and let go once `audit_marks` says that their time is over; nothing else."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TEXTS = (
    "name",
    "rating",
    "resource_type",
    "resource_id",
    "resource_name",
    "project_id",
    "user",
    "signed_by",
    "address",
    "request_id",
    "code",
    "message",
)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "audit_traces",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in _TEXTS),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_traces_by_project", "audit_traces", ["project_id", "id"])
    op.create_index("ix_audit_traces_by_user", "audit_traces", ["user", "id"])
    op.create_index("ix_audit_traces_by_resource", "audit_traces", ["resource_id", "id"])
    op.create_index("ix_audit_traces_by_time", "audit_traces", ["at"])
    op.create_table(
        "audit_marks",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()


def _guard_on_sqlite() -> None:
    op.execute(
        "CREATE TRIGGER audit_traces_stay_as_they_are BEFORE UPDATE ON audit_traces "
        "BEGIN SELECT RAISE(ABORT, 'a trace of the audit is never changed'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_traces_stay BEFORE DELETE ON audit_traces "
        "WHEN old.at >= coalesce((SELECT value FROM audit_marks WHERE name = 'pruned-before'), 0) "
        "BEGIN SELECT RAISE(ABORT, 'a trace of the audit does not go before its time'); END"
    )
    # REPLACE deletes without firing the trigger above, unless recursive triggers are on.
    op.execute(
        "CREATE TRIGGER audit_traces_are_not_replaced BEFORE INSERT ON audit_traces "
        "WHEN EXISTS (SELECT 1 FROM audit_traces WHERE id = new.id) "
        "BEGIN SELECT RAISE(ABORT, 'a trace of the audit is never changed'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_marks_go_forward BEFORE UPDATE ON audit_marks WHEN new.value < old.value "
        "BEGIN SELECT RAISE(ABORT, 'a mark of the audit goes forward only'); END"
    )
