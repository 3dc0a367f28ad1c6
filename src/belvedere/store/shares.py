"""The share store on a SQL database."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from belvedere.identity.records import Principal
from belvedere.identity.shares import ShareRecord
from belvedere.store.database import Database
from belvedere.store.tables import shares
from belvedere.store.traces import if_done


class SqlShareStore:
    """Implements `ShareStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_share(self, record: ShareRecord, most: int) -> bool:
        return await self._database.write(partial(_add, record=record, most=most), tells=if_done)

    async def find_share(self, digest: str) -> ShareRecord | None:
        return await self._database.read(partial(_find, digest=digest))

    async def shares(self, job_id: int) -> Sequence[ShareRecord]:
        return await self._database.read(partial(_of_job, job_id=job_id))

    async def remove_share(self, job_id: int, share_id: str) -> bool:
        chosen = delete(shares).where(and_(shares.c.job_id == job_id, shares.c.id == share_id))
        return bool(await self._database.write(lambda c: c.execute(chosen).rowcount, tells=if_done))

    async def note_use(self, share_id: str, now: datetime) -> None:
        used = update(shares).where(shares.c.id == share_id).values(uses=shares.c.uses + 1, used_at=now)
        await self._database.write(lambda c: c.execute(used))


def _add(connection: Connection, record: ShareRecord, most: int) -> bool:
    counted = select(func.count()).select_from(shares).where(shares.c.job_id == record.job_id)
    if connection.execute(counted).scalar_one() >= most:
        return False
    connection.execute(insert(shares).values(_row_of(record)))
    return True


def _find(connection: Connection, digest: str) -> ShareRecord | None:
    row = connection.execute(select(shares).where(shares.c.digest == digest)).one_or_none()
    return None if row is None else _record_of(row)


def _of_job(connection: Connection, job_id: int) -> list[ShareRecord]:
    chosen = select(shares).where(shares.c.job_id == job_id).order_by(shares.c.created_at.desc(), shares.c.id)
    return [_record_of(row) for row in connection.execute(chosen)]


def _row_of(record: ShareRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "digest": record.digest,
        "job_id": record.job_id,
        "user": record.maker.user,
        "project_id": record.maker.project_id,
        "note": record.note,
        "password_hash": record.password_hash,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "uses": record.uses,
        "used_at": record.used_at,
    }


def _record_of(row: Row[*tuple[object, ...]]) -> ShareRecord:
    kept = dict(row._mapping)
    maker = Principal(user=kept.pop("user"), project_id=kept.pop("project_id"))
    return ShareRecord(maker=maker, **kept)
