"""The audit in the SQL database. The database itself refuses to change a trace, or to let one go before its time."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from belvedere.contract.audit import ResourceType, TraceName
from belvedere.identity.acts import Trace, TraceQuery
from belvedere.store.database import Database
from belvedere.store.tables import audit_marks, audit_traces, microseconds
from belvedere.store.traces import add_trace

_PRUNED: Final = "pruned-before"  # in microseconds; the triggers of migration 0006 read it
_FILE: Final = "file"
_AT_ONCE: Final = 5_000  # traces that are forgotten in one transaction: others want to write too


class SqlAuditStore:
    """Implements `AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_trace(self, trace: Trace) -> None:
        await self._database.write(partial(add_trace, trace=trace))

    async def traces(self, query: TraceQuery) -> Sequence[Trace]:
        return await self._database.read(partial(_traces, query=query))

    async def prune(self, before: datetime, now: datetime) -> int:
        gone = 0
        while some := await self._database.write(partial(_prune, before=before)):
            gone += some
        if gone:
            await self.add_trace(_of_pruning(gone, before, now))
        return gone

    async def file_mark(self) -> int:
        return await self._database.read(partial(_mark, name=_FILE))

    async def set_file_mark(self, trace_id: int) -> None:
        await self._database.write(partial(_set_mark, name=_FILE, value=trace_id))


def _traces(connection: Connection, query: TraceQuery) -> list[Trace]:
    key = audit_traces.c.id
    chosen = select(audit_traces).where(*_conditions(query)).limit(query.limit)
    ordered = chosen.order_by(key if query.oldest_first else key.desc())
    return [Trace(**row) for row in connection.execute(ordered).mappings()]


def _conditions(query: TraceQuery) -> list[ColumnElement[bool]]:
    table = audit_traces.c
    wanted = {
        table.project_id: query.project_id,
        table.user: query.user,
        table.name: query.name,
        table.rating: query.rating,
        table.resource_type: query.resource_type,
        table.resource_id: query.resource_id,
        table.address: query.address,
        table.request_id: query.request_id,
    }
    found = [column == value for column, value in wanted.items() if value is not None]
    if query.since is not None:
        found.append(table.at >= query.since)
    if query.before is not None:
        found.append(table.at < query.before)
    if query.marker is not None:
        found.append(table.id > query.marker if query.oldest_first else table.id < query.marker)
    return found


def _prune(connection: Connection, before: datetime) -> int:
    """Let the next ones go: how many there were."""
    _set_mark(connection, _PRUNED, max(microseconds(before), _mark(connection, _PRUNED)))
    oldest = select(audit_traces.c.id).where(audit_traces.c.at < before).order_by(audit_traces.c.id).limit(_AT_ONCE)
    return connection.execute(delete(audit_traces).where(audit_traces.c.id.in_(oldest))).rowcount


def _of_pruning(gone: int, before: datetime, now: datetime) -> Trace:
    return Trace(
        at=now,
        name=TraceName.PRUNE_AUDIT,
        resource_type=ResourceType.AUDIT,
        message=f"{gone} traces from before {before:%Y-%m-%dT%H:%M:%SZ} were forgotten, as audit_days says.",
    )


def _mark(connection: Connection, name: str) -> int:
    found = connection.execute(select(audit_marks.c.value).where(audit_marks.c.name == name)).scalar_one_or_none()
    return found or 0


def _set_mark(connection: Connection, name: str, value: int) -> None:
    changed = update(audit_marks).where(audit_marks.c.name == name).values(value=value)
    if not connection.execute(changed).rowcount:
        connection.execute(insert(audit_marks).values(name=name, value=value))
