"""Rows of the audit."""

from sqlalchemy import Connection, insert

from belvedere.identity.acts import Trace
from belvedere.store.tables import audit_traces

_INSERT = insert(audit_traces)


def add_trace(connection: Connection, trace: Trace) -> None:
    """Keep it."""
    row = {field: getattr(trace, field) for field in Trace.__struct_fields__ if field != "id"}
    connection.execute(_INSERT, row)


def if_done(result: object) -> str | None:
    """For `Database.write(tells=…)`: the act was carried out if the transaction found something to do."""
    return "" if result else None


def always(result: object) -> str | None:
    """For `Database.write(tells=…)`: the transaction does it, or raises."""
    del result
    return ""
