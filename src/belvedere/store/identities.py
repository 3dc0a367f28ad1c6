"""The identity store on a SQL database."""

from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select

from belvedere.identity.records import Principal, Project, SecretKind, SecretRecord
from belvedere.store.database import Database
from belvedere.store.tables import projects, secrets


class SqlIdentityStore:
    """Implements `IdentityStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_project(self, project: Project) -> None:
        row = {"id": project.id, "name": project.name, "created_at": project.created_at}
        await self._database.write(lambda c: c.execute(insert(projects).values(row)))

    async def projects(self) -> list[Project]:
        return await self._database.read(_all_projects)

    async def add_secret(self, record: SecretRecord) -> None:
        await self._database.write(lambda c: c.execute(insert(secrets).values(_row_of(record))))

    async def find_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        return await self._database.read(partial(_find, kind=kind, digest=digest))

    async def take_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        return await self._database.write(partial(_take, kind=kind, digest=digest))

    async def remove_secrets_of(self, principal: Principal) -> int:
        theirs = and_(secrets.c.user == principal.user, secrets.c.project_id == principal.project_id)
        return await self._database.write(lambda c: c.execute(delete(secrets).where(theirs)).rowcount)

    async def remove_expired_secrets(self, now: datetime) -> int:
        return await self._database.write(
            lambda c: c.execute(delete(secrets).where(secrets.c.expires_at <= now)).rowcount
        )


def _all_projects(connection: Connection) -> list[Project]:
    rows = connection.execute(select(projects).order_by(projects.c.created_at, projects.c.id)).mappings()
    return [Project(**row) for row in rows]


def _find(connection: Connection, kind: SecretKind, digest: str) -> SecretRecord | None:
    row = connection.execute(select(secrets).where(_is(kind, digest))).one_or_none()
    return None if row is None else _record_of(row)


def _take(connection: Connection, kind: SecretKind, digest: str) -> SecretRecord | None:
    row = connection.execute(delete(secrets).where(_is(kind, digest)).returning(*secrets.c)).one_or_none()
    return None if row is None else _record_of(row)


def _is(kind: SecretKind, digest: str) -> ColumnElement[bool]:
    return and_(secrets.c.kind == kind, secrets.c.digest == digest)


def _row_of(record: SecretRecord) -> dict[str, object]:
    return {
        "kind": record.kind,
        "digest": record.digest,
        "user": record.principal.user,
        "project_id": record.principal.project_id,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    }


def _record_of(row: Row[*tuple[object, ...]]) -> SecretRecord:
    kept = row._mapping
    return SecretRecord(
        kind=kept["kind"],
        digest=kept["digest"],
        principal=Principal(user=kept["user"], project_id=kept["project_id"]),
        created_at=kept["created_at"],
        expires_at=kept["expires_at"],
    )
