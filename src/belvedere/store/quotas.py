"""Projects' quotas in the SQL database."""

from functools import partial

from sqlalchemy import Connection, bindparam, delete, insert, select

from belvedere.lifecycle.quotas import Quotas
from belvedere.store.database import Database
from belvedere.store.tables import project_quotas
from belvedere.store.traces import always

_FIELDS = tuple(Quotas.__struct_fields__)
_OF_PROJECT = select(*(project_quotas.c[name] for name in _FIELDS)).where(
    project_quotas.c.project_id == bindparam("of_project")
)


class SqlQuotaStore:
    """Implements `QuotaStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def quotas(self, project_id: str) -> Quotas:
        return await self._database.read(partial(quotas_of, project_id=project_id))

    async def set_quotas(self, project_id: str, quotas: Quotas) -> None:
        await self._database.write(partial(_set, project_id=project_id, quotas=quotas), tells=always)


def quotas_of(connection: Connection, project_id: str) -> Quotas:
    """A project's own."""
    row = connection.execute(_OF_PROJECT, {"of_project": project_id}).one_or_none()
    return Quotas(**row._mapping) if row else Quotas()


def _set(connection: Connection, project_id: str, quotas: Quotas) -> None:
    connection.execute(delete(project_quotas).where(project_quotas.c.project_id == project_id))
    row = {"project_id": project_id, **{name: getattr(quotas, name) for name in _FIELDS}}
    connection.execute(insert(project_quotas).values(row))
