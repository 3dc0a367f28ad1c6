"""The use cases of log stores: which object stores a project's jobs may read, and with which keys.

They come from the settings (the operator's), and from the database (added through the API, for a project or shared).
A name means one store only in all that a project sees. Secret keys come in and never go out again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from msgspec import UNSET
from msgspec.structs import replace

from belvedere.contract.audit import TraceName
from belvedere.contract.endpoints import endpoint, host_of, require_public
from belvedere.contract.errors import Conflict, NotFound, PermissionDenied, RequestError
from belvedere.contract.jobs import Success
from belvedere.contract.log_stores import LogStore, LogStoreList, LogStoreTried
from belvedere.contract.reasons import Reason
from belvedere.contract.store_rules import Keys, ValidStore, ValidStoreUpdate
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Caller
from belvedere.lifecycle.clock import Clock
from belvedere.service.audit import Auditor
from belvedere.service.views import epoch_ms
from belvedere.sources.stores import Addressing, ObjectStore
from belvedere.store.base import EVERY_PROJECT, LogStoreRecord, LogStoreRecords
from belvedere.store.sealing import Sealer

# Tells whoever reads logs of all stores there are now.
Publish = Callable[[Sequence[ObjectStore]], Awaitable[None]]
# Asks a store, or a bucket of it: None if it answers and accepts the keys.
TryStore = Callable[[ObjectStore, str | None], Awaitable[Reason | None]]
# The addresses of a host; none if it has none.
Resolve = Callable[[str], Awaitable[Sequence[str]]]


class StoreCatalog:
    """All log stores as they can be used: those of the settings, and those of the database with their keys opened."""

    def __init__(self, records: LogStoreRecords, sealer: Sealer, configured: Sequence[ObjectStore]) -> None:
        self._records = records
        self._sealer = sealer
        self.configured: Mapping[str, ObjectStore] = {store.name: store for store in configured}

    async def everything(self) -> list[ObjectStore]:
        """The usable stores of all projects."""
        opened = (self._opened(record) for record in await self._records.all())
        return [*self.configured.values(), *(store for store in opened if store)]

    async def visible(self, project_id: str) -> dict[str, ObjectStore]:
        """The usable stores of a project, by the names that its jobs may use. The settings' come first."""
        opened = (self._opened(record) for record in await self.records(project_id))
        return {**{store.name: store for store in opened if store}, **self.configured}

    async def records(self, project_id: str) -> list[LogStoreRecord]:
        """The records that a project sees."""
        return [record for record in await self._records.all() if record.project_id in {project_id, EVERY_PROJECT}]

    async def renew(self) -> list[LogStoreRecord]:
        """Seal all secrets with the newest key; the records that no key opens."""
        lost = []
        for record in await self._records.all():
            sealed = self._sealer.renewed(record.sealed_secret) if record.sealed_secret else None
            if sealed is not None:
                await self._records.replace(replace(record, sealed_secret=sealed))
            elif not self.is_usable(record):
                lost.append(record)
        return lost

    def is_usable(self, record: LogStoreRecord) -> bool:
        """Whether its secret can be opened."""
        return not record.sealed_secret or self._sealer.open(record.sealed_secret) is not None

    def sealed(self, keys: Keys) -> str:
        """The secret key as it is kept."""
        return self._sealer.seal(keys.secret_key) if keys.secret_key else ""

    def _opened(self, record: LogStoreRecord) -> ObjectStore | None:
        secret = self._sealer.open(record.sealed_secret) if record.sealed_secret else ""
        return None if secret is None else object_store(record, secret)


class LogStoreService:
    """Validated requests in, answers of the contract out. Errors are those of `contract.errors`."""

    def __init__(
        self,
        records: LogStoreRecords,
        catalog: StoreCatalog,
        *,
        clock: Clock,
        publish: Publish,
        try_store: TryStore,
        resolve: Resolve,
        audit: Auditor,
    ) -> None:
        self._records = records
        self._catalog = catalog
        self._clock = clock
        self._publish = publish
        self._try_store = try_store
        self._resolve = resolve
        self._audit = audit

    async def start(self) -> list[str]:
        """Renew what is sealed, and publish everything; names of stores whose secrets no key opens."""
        lost = await self._catalog.renew()
        await self._tell()
        return [record.name for record in lost]

    async def list(self, who: Caller) -> LogStoreList:
        """All stores that the project's jobs may name, the settings' first, then by name."""
        who.require(Permission.READ_STORES)
        return await self._list(who)

    async def _list(self, who: Caller) -> LogStoreList:
        uses = await self._records.uses(who.project_id)
        records = await self._catalog.records(who.project_id)
        stores = [_configured(store, uses) for store in self._catalog.configured.values()]
        hidden = self._catalog.configured.keys()
        shown = [self._shown(record, uses) for record in records if record.name not in hidden]
        return LogStoreList(log_stores=[*stores, *sorted(shown, key=lambda store: store.name)])

    async def show(self, who: Caller, name: str) -> LogStore:
        """One of them. Raises NotFound."""
        who.require(Permission.READ_STORES)
        return await self._show(who, name)

    async def _show(self, who: Caller, name: str) -> LogStore:
        found = next((store for store in (await self._list(who)).log_stores if store.name == name), None)
        if found is None:
            raise _no_such(name)
        return found

    async def add(self, who: Caller, request: ValidStore) -> LogStore:
        """Keep a new store. Raises Conflict, PermissionDenied, RequestError."""
        async with self._audit.act(who, TraceName.CREATE_STORE, request.name):
            who.require(Permission.CHANGE_STORES)
            if request.shared and not who.may(Permission.SHARE_STORES):
                raise PermissionDenied("shared: only an administrator may add a store for all projects. Leave it out.")
            await self._check_endpoint(who, request.endpoint)
            now = self._clock()
            record = LogStoreRecord(
                project_id=EVERY_PROJECT if request.shared else who.project_id,
                name=request.name,
                endpoint=request.endpoint,
                region=request.region,
                addressing=request.addressing,
                allow_http=request.allow_http,
                access_key=request.keys.access_key,
                sealed_secret=self._catalog.sealed(request.keys),
                created_at=now,
                updated_at=now,
            )
            if request.name in self._catalog.configured or not await self._records.add(record):
                raise Conflict(
                    f"name: a log store named {request.name} exists already. Choose another name, or change it."
                )
            await self._tell()
            return await self._show(who, request.name)

    async def update(self, who: Caller, name: str, update: ValidStoreUpdate) -> LogStore:
        """Change a store: running jobs read with the new keys from now on. Raises as `add`, and NotFound."""
        async with self._audit.act(who, TraceName.UPDATE_STORE, name):
            record = await self._mine(who, name)
            changed = self._changed(record, update, self._clock())
            await self._check_endpoint(who, changed.endpoint)
            if not await self._records.replace(changed):
                raise Conflict(f"The log store {name} is being changed by others. Look at it and try again.")
            await self._tell()
            return await self._show(who, name)

    async def remove(self, who: Caller, name: str) -> Success:
        """Forget a store that no job names. Raises Conflict, NotFound, PermissionDenied."""
        async with self._audit.act(who, TraceName.DELETE_STORE, name):
            record = await self._mine(who, name)
            jobs = await self._records.remove(record.project_id, name)
            if jobs:
                noun = "1 job" if jobs == 1 else f"{jobs} jobs"
                raise Conflict(f"The log store {name} is in use by {noun}. Delete them first, ended ones too.")
            await self._tell()
            return Success()

    async def test(self, who: Caller, name: str, bucket: str | None) -> LogStoreTried:
        """Ask the store, or one of its buckets, now. Raises NotFound, PermissionDenied."""
        who.require(Permission.TEST_STORES)
        await self._show(who, name)
        store = (await self._catalog.visible(who.project_id)).get(name)
        if store is None:
            raise RequestError(f"The keys of the log store {name} can't be decrypted. Send new ones.")
        await self._check_endpoint(who, store.endpoint, configured=name in self._catalog.configured)
        reason = await self._try_store(store, bucket)
        return LogStoreTried(works=reason is None, reason=reason)

    async def _mine(self, who: Caller, name: str) -> LogStoreRecord:
        """The record, if the caller may change it."""
        who.require(Permission.CHANGE_STORES)
        if name in self._catalog.configured:
            raise PermissionDenied(f"The log store {name} is defined in the service's settings. Ask the operator.")
        record = next((each for each in await self._catalog.records(who.project_id) if each.name == name), None)
        if record is None:
            raise _no_such(name)
        if record.project_id == EVERY_PROJECT and not who.may(Permission.SHARE_STORES):
            raise PermissionDenied(f"The log store {name} is shared. Only an administrator may change it.")
        return record

    def _changed(self, record: LogStoreRecord, update: ValidStoreUpdate, now: datetime) -> LogStoreRecord:
        allow_http = record.allow_http if update.allow_http is UNSET else update.allow_http
        address = endpoint(record.endpoint if update.endpoint is UNSET else update.endpoint, allow_http=allow_http)
        if address != record.endpoint and record.sealed_secret and update.keys is UNSET:
            raise RequestError("endpoint: keys are never sent to another address than theirs. Send the keys too.")
        changed = replace(
            record,
            endpoint=address,
            allow_http=allow_http,
            region=record.region if update.region is UNSET else update.region,
            addressing=record.addressing if update.addressing is UNSET else update.addressing,
            updated_at=now,
        )
        if update.keys is UNSET:
            return changed
        return replace(changed, access_key=update.keys.access_key, sealed_secret=self._catalog.sealed(update.keys))

    async def _check_endpoint(self, who: Caller, address: str, *, configured: bool = False) -> None:
        """Whether this caller may make us ask that address. What the operator wrote, anybody may."""
        if not configured and not who.may(Permission.ANY_ADDRESS):
            require_public(address, await self._resolve(host_of(address)))

    def _shown(self, record: LogStoreRecord, uses: Mapping[str, int]) -> LogStore:
        return LogStore(
            name=record.name,
            endpoint=record.endpoint,
            region=record.region,
            addressing=record.addressing,
            allow_http=record.allow_http,
            access_key=record.access_key,
            origin="shared" if record.project_id == EVERY_PROJECT else "project",
            usable=self._catalog.is_usable(record),
            jobs=uses.get(record.name, 0),
            create_time=epoch_ms(record.created_at),
            update_time=epoch_ms(record.updated_at),
        )

    async def _tell(self) -> None:
        await self._publish(await self._catalog.everything())


def object_store(record: LogStoreRecord, secret: str) -> ObjectStore:
    """How to reach the store of a record."""
    return ObjectStore(
        name=record.name,
        scope=record.project_id,
        endpoint=record.endpoint,
        region=record.region,
        addressing=Addressing(record.addressing),
        allow_http=record.allow_http,
        access_key=record.access_key,
        secret_key=secret,
    )


def _configured(store: ObjectStore, uses: Mapping[str, int]) -> LogStore:
    return LogStore(
        name=store.name,
        endpoint=store.endpoint,
        region=store.region,
        addressing=store.addressing.value,
        allow_http=store.allow_http,
        access_key=store.access_key,
        origin="settings",
        jobs=uses.get(store.name, 0),
    )


def _no_such(name: str) -> NotFound:
    return NotFound(f"This project sees no log store named {name}. List the log stores to see which it does.")
