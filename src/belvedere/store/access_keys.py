"""Access keys in the SQL database; their secret halves sealed."""

from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Select, delete, insert, select, update

from belvedere.identity.records import AccessKey
from belvedere.store.database import Database
from belvedere.store.tables import access_keys
from belvedere.store.traces import if_done


class SqlAccessKeys:
    """The part of `IdentityStore` that keeps keys."""

    def __init__(self, database: Database) -> None:
        self._keys_database = database

    async def add_key(self, key: AccessKey) -> None:
        row = {field: getattr(key, field) for field in AccessKey.__struct_fields__}
        await self._keys_database.write(
            lambda c: c.execute(insert(access_keys).values(row)), tells=lambda _: key.access_key
        )

    async def find_key(self, access_key: str) -> AccessKey | None:
        chosen = select(access_keys).where(access_keys.c.access_key == access_key)
        found = await self._keys_database.read(partial(_keys, chosen=chosen))
        return found[0] if found else None

    async def keys(self, user: str | None = None) -> list[AccessKey]:
        chosen = select(access_keys).order_by(access_keys.c.created_at, access_keys.c.access_key)
        if user is not None:
            chosen = chosen.where(access_keys.c.user == user)
        return await self._keys_database.read(partial(_keys, chosen=chosen))

    async def remove_key(self, access_key: str) -> bool:
        gone = delete(access_keys).where(access_keys.c.access_key == access_key)
        return await self._keys_database.write(lambda c: c.execute(gone).rowcount == 1, tells=if_done)

    async def reseal_key(self, access_key: str, sealed_secret: str) -> None:
        change = update(access_keys).where(access_keys.c.access_key == access_key).values(sealed_secret=sealed_secret)
        await self._keys_database.write(lambda c: c.execute(change))

    async def remove_expired_keys(self, now: datetime) -> int:
        gone = delete(access_keys).where(access_keys.c.expires_at <= now)
        return await self._keys_database.write(lambda c: c.execute(gone).rowcount)


def _keys(connection: Connection, chosen: Select[*tuple[object, ...]]) -> list[AccessKey]:
    return [AccessKey(**row) for row in connection.execute(chosen).mappings()]
