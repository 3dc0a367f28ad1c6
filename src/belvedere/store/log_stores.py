"""Records of log stores, in the SQL database."""

from collections import Counter
from functools import partial

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, true, update

from belvedere.store.base import EVERY_PROJECT, LogStoreRecord
from belvedere.store.database import Database
from belvedere.store.tables import jobs, log_stores
from belvedere.store.traces import if_done


class SqlLogStoreRecords:
    """Implements `LogStoreRecords`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: LogStoreRecord) -> bool:
        return await self._database.write(partial(_add, record=record), tells=if_done)

    async def all(self) -> list[LogStoreRecord]:
        return await self._database.read(_all)

    async def replace(self, record: LogStoreRecord) -> bool:
        return await self._database.write(partial(_replace, record=record), tells=if_done)

    async def remove(self, project_id: str, name: str) -> int:
        remove = partial(_remove, project_id=project_id, name=name)
        return await self._database.write(remove, tells=lambda jobs: None if jobs else "")

    async def uses(self, project_id: str) -> dict[str, int]:
        return await self._database.read(partial(_uses, project_id=project_id))


def _all(connection: Connection) -> list[LogStoreRecord]:
    rows = connection.execute(select(log_stores).order_by(log_stores.c.project_id, log_stores.c.name)).mappings()
    return [LogStoreRecord(**row) for row in rows]


def _add(connection: Connection, record: LogStoreRecord) -> bool:
    named = select(func.count()).select_from(log_stores).where(log_stores.c.name == record.name)
    if record.project_id != EVERY_PROJECT:
        named = named.where(log_stores.c.project_id.in_([record.project_id, EVERY_PROJECT]))
    if connection.execute(named).scalar_one():
        return False
    connection.execute(insert(log_stores).values(_row(record)))
    return True


def _replace(connection: Connection, record: LogStoreRecord) -> bool:
    guard = and_(_is(record.project_id, record.name), log_stores.c.revision == record.revision)
    row = {**_row(record), "revision": record.revision + 1}
    return connection.execute(update(log_stores).where(guard).values(row)).rowcount == 1


def _remove(connection: Connection, project_id: str, name: str) -> int:
    count = _counted(connection, project_id)[name]
    if not count:
        connection.execute(delete(log_stores).where(_is(project_id, name)))
    return count


def _uses(connection: Connection, project_id: str) -> dict[str, int]:
    return {store: count for store, count in _counted(connection, project_id).items() if store}


def _counted(connection: Connection, project_id: str) -> Counter[str]:
    """How many of a project's jobs name each store; those with several sources are few, and are looked at singly."""
    everywhere = project_id == EVERY_PROJECT
    here = true() if everywhere else jobs.c.project_id == project_id
    simple = select(jobs.c.store, func.count().label("n")).where(here, jobs.c.sources.is_(None)).group_by(jobs.c.store)
    counted = Counter({row.store: row.n for row in connection.execute(simple)})
    for (sources,) in connection.execute(select(jobs.c.sources).where(here, jobs.c.sources.is_not(None))):
        counted.update({source.store for source in sources})
    return counted


def _is(project_id: str, name: str) -> ColumnElement[bool]:
    return and_(log_stores.c.project_id == project_id, log_stores.c.name == name)


def _row(record: LogStoreRecord) -> dict[str, object]:
    return {field: getattr(record, field) for field in LogStoreRecord.__struct_fields__}
