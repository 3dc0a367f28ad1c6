"""A prefix in an S3-compatible object store (OBS, S3, SeaweedFS, MinIO, Ceph) as a log source."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import Entry, SourceMissing
from belvedere.sources.location import ObjectLocation
from belvedere.sources.object_errors import at_end, translated
from belvedere.sources.stores import Addressing, ObjectStore

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

_PAGE = 1000  # keys: what one request lists
_CHUNK = 2**22  # bytes held in memory per read
# The library's own ten retries keep a dead endpoint secret for seconds. Ours are for a dropped connection only: whoever
# reads has a back-off of its own, and tells people about it.
_RETRIES: "RetryConfig" = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
_ERRORS = (BaseError, OSError, ValueError)  # what obstore raises; FileNotFoundError among them


class ObjectSource:
    """Reads one prefix. Each `read` is one request, so that all its bytes are of one version of the object."""

    def __init__(self, location: ObjectLocation, store: ObjectStore) -> None:
        """Makes no request. Raises SourceMissing when the store's settings can't be used."""
        self._location = location
        self._settings = store
        self._store = _connect(location.bucket, store)

    async def probe(self) -> None:
        async for _ in self._pages(1):
            return

    async def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        prefix = self._location.prefix
        async for page in self._pages(_PAGE):
            yield [_entry(meta, prefix) for meta in page if meta["path"].startswith(prefix)]

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        if start >= end:
            return
        path = self._location.prefix + key
        try:
            answer = await obstore.get_async(self._store, path, options={"range": (start, end)})
            async for chunk in answer.stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)
        except _ERRORS as error:
            if not at_end(str(error)):
                raise translated(str(error), self._location, self._settings, key) from error

    async def close(self) -> None:
        """Nothing to do: connections go with the object."""

    async def _pages(self, size: int) -> AsyncIterator[Sequence["ObjectMeta"]]:
        try:
            async for page in obstore.list(self._store, self._location.prefix or None, chunk_size=size):
                yield page
        except _ERRORS as error:
            raise translated(str(error), self._location, self._settings) from error


def _connect(bucket: str, store: ObjectStore) -> S3Store:
    """Every option is given, so that no AWS_* variable of the process can redirect us or lend us its keys."""
    virtual = store.addressing is Addressing.VIRTUAL_HOST
    if store.endpoint.startswith("http://") and not store.allow_http:
        raise _unusable(store, "its endpoint is http://, which is not allowed for it; use https:// or allow it")
    try:
        return S3Store(
            bucket,
            endpoint=endpoint_with_bucket(store.endpoint, bucket) if virtual else store.endpoint,
            virtual_hosted_style_request=virtual,
            region=store.region,
            access_key_id=store.access_key,
            secret_access_key=store.secret_key,
            skip_signature=not store.access_key,  # else the library asks the cloud's metadata service for keys
            client_options=_client(store),
            retry_config=_RETRIES,
        )
    except OSError as error:
        raise _unusable(store, "its certificate file can't be read") from error
    except _ERRORS as error:
        raise _unusable(store, "its endpoint, region or certificate file is not valid") from error


def _client(store: ObjectStore) -> "ClientConfig":
    # No limit on a whole request, which would cut long objects: a limit on silence instead.
    options: ClientConfig = {"allow_http": store.allow_http, "connect_timeout": "3s", "read_timeout": "20s"}
    options["timeout"] = "1day"
    if store.ca_file:
        options["root_certificate"] = Path(store.ca_file).read_bytes()
    return options


def endpoint_with_bucket(endpoint: str, bucket: str) -> str:
    """The endpoint of a bucket in virtual-host style."""
    parts = urlsplit(endpoint)
    return urlunsplit(parts._replace(netloc=f"{bucket}.{parts.netloc}"))


def _unusable(store: ObjectStore, why: str) -> SourceMissing:
    text = f"The settings of the object store {store.name!r} can't be used: {why}."
    return SourceMissing(ReasonCode.STORE_NOT_CONFIGURED, text)


def _entry(meta: "ObjectMeta", prefix: str) -> Entry:
    key = meta["path"].removeprefix(prefix)
    return Entry(key=key, size=meta["size"], modified=meta["last_modified"], tag=meta["e_tag"] or "")
