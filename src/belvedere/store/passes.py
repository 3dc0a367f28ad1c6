"""The pass store on a SQL database."""

from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select
from sqlalchemy.exc import IntegrityError

from belvedere.identity.passes import Gone, Pass, PassKind
from belvedere.identity.records import Basis, Principal
from belvedere.store.database import Database
from belvedere.store.tables import passes
from belvedere.store.traces import always


class SqlPassStore:
    """Implements `PassStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_pass(self, record: Pass) -> None:
        await self._database.write(partial(_add, record=record), tells=always)

    async def find_pass(self, kind: PassKind, digest: str) -> Pass | None:
        return await self._database.read(partial(_find, kind=kind, digest=digest))

    async def take_pass(self, kind: PassKind, digest: str) -> Pass | None:
        return await self._database.write(partial(_take, kind=kind, digest=digest))

    async def remove_expired_passes(self, now: datetime) -> int:
        expired = passes.c.expires_at <= now
        return await self._database.write(lambda c: c.execute(delete(passes).where(expired)).rowcount)


def _add(connection: Connection, record: Pass) -> None:
    try:
        connection.execute(insert(passes).values(_row_of(record)))
    except IntegrityError as error:
        raise Gone(f"nothing is there that a pass to job {record.job_id} could be for") from error


def _find(connection: Connection, kind: PassKind, digest: str) -> Pass | None:
    row = connection.execute(select(passes).where(_is(kind, digest))).one_or_none()
    return None if row is None else _record_of(row)


def _take(connection: Connection, kind: PassKind, digest: str) -> Pass | None:
    row = connection.execute(delete(passes).where(_is(kind, digest)).returning(*passes.c)).one_or_none()
    return None if row is None else _record_of(row)


def _is(kind: PassKind, digest: str) -> ColumnElement[bool]:
    return and_(passes.c.kind == kind, passes.c.digest == digest)


def _row_of(record: Pass) -> dict[str, object]:
    return {
        "kind": record.kind,
        "digest": record.digest,
        "job_id": record.job_id,
        "user": record.principal.user,
        "project_id": record.principal.project_id,
        "basis_kind": record.basis.kind if record.basis else None,
        "basis_digest": record.basis.digest if record.basis else None,
        "share_id": record.share_id,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "ends_at": record.ends_at,
    }


def _record_of(row: Row[*tuple[object, ...]]) -> Pass:
    kept = row._mapping
    basis = Basis(kind=kept["basis_kind"], digest=kept["basis_digest"]) if kept["basis_digest"] else None
    return Pass(
        kind=kept["kind"],
        digest=kept["digest"],
        job_id=kept["job_id"],
        principal=Principal(user=kept["user"], project_id=kept["project_id"]),
        basis=basis,
        share_id=kept["share_id"],
        created_at=kept["created_at"],
        expires_at=kept["expires_at"],
        ends_at=kept["ends_at"],
    )
