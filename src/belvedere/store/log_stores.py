"""Records of log stores, in the SQL database."""

from functools import partial

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from belvedere.store.base import EVERY_PROJECT, LogStoreRecord
from belvedere.store.database import Database
from belvedere.store.tables import jobs, log_stores


class SqlLogStoreRecords:
    """Implements `LogStoreRecords`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: LogStoreRecord) -> bool:
        return await self._database.write(partial(_add, record=record))

    async def all(self) -> list[LogStoreRecord]:
        return await self._database.read(_all)

    async def replace(self, record: LogStoreRecord) -> bool:
        return await self._database.write(partial(_replace, record=record))

    async def remove(self, project_id: str, name: str) -> int:
        return await self._database.write(partial(_remove, project_id=project_id, name=name))

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
    using = select(func.count()).select_from(jobs).where(jobs.c.store == name)
    if project_id != EVERY_PROJECT:
        using = using.where(jobs.c.project_id == project_id)
    count = int(connection.execute(using).scalar_one())
    if not count:
        connection.execute(delete(log_stores).where(_is(project_id, name)))
    return count


def _uses(connection: Connection, project_id: str) -> dict[str, int]:
    counted = select(jobs.c.store, func.count()).where(jobs.c.project_id == project_id).group_by(jobs.c.store)
    return {store: count for store, count in connection.execute(counted) if store}


def _is(project_id: str, name: str) -> ColumnElement[bool]:
    return and_(log_stores.c.project_id == project_id, log_stores.c.name == name)


def _row(record: LogStoreRecord) -> dict[str, object]:
    return {field: getattr(record, field) for field in LogStoreRecord.__struct_fields__}
