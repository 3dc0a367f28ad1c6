"""Signed requests to one bucket of an S3-compatible store (OBS, S3, SeaweedFS, MinIO, Ceph)."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from yarl import URL

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import Meter, SourceMissing
from belvedere.sources.location import ObjectLocation
from belvedere.sources.object_errors import broken, refused
from belvedere.sources.signing import encoded_path, encoded_query, signed_headers
from belvedere.sources.stores import Addressing, ObjectStore

CONNECTIONS: Final = 32
_BUFFER = 2**18  # bytes that a connection may be ahead of its reader
_EXPLANATION = 2**14  # bytes of an error's text that are read
# No limit on a whole request, which would cut long objects: a limit on silence instead.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=20)
_FAULTS = (aiohttp.ClientError, OSError)  # TimeoutError among them
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ObjectClient:
    """Opens its connections with the first request. It follows no redirect: only the settings say whom we talk to."""

    def __init__(self, location: ObjectLocation, store: ObjectStore) -> None:
        """Makes no request. Raises SourceMissing when the store's settings can't be used."""
        self._location = location
        self._store = store
        self._base, self._path, self._host = _address(store, location.bucket)
        self._tls = _trust(store)
        self._session: aiohttp.ClientSession | None = None
        self.meter = Meter()

    @asynccontextmanager
    async def ask(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str], *, accept: frozenset[int]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a GET, if its status is one of `accept`. Raises SourceError, also while its body is read.

        An empty key stands for the bucket.
        """
        path, asked = self._path + encoded_path(key), encoded_query(query)
        signed = signed_headers(self._store, self._host, path, asked, datetime.now(UTC))
        url = URL(f"{self._base}{path}{'?' if asked else ''}{asked}", encoded=True)
        self.meter.count(requests=1)
        try:
            everything = {"Host": self._host, "Accept-Encoding": "identity", **headers, **signed}
            async with self._connected().get(url, headers=everything, allow_redirects=False) as answer:
                if answer.status not in accept:
                    text = (await answer.content.read(_EXPLANATION)).decode(errors="replace")
                    raise refused(answer.status, text, answer.headers, self._location, self._store, key)
                yield answer
        except _FAULTS as error:
            raise broken(error, self._store) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_TIMEOUT,
                auto_decompress=False,  # the bytes of a file as they are stored
                read_bufsize=_BUFFER,
            )
        return self._session


def endpoint_with_bucket(endpoint: str, bucket: str) -> str:
    """The endpoint of a bucket in virtual-host style."""
    parts = urlsplit(endpoint)
    return urlunsplit(parts._replace(netloc=f"{bucket}.{parts.netloc}"))


def _address(store: ObjectStore, bucket: str) -> tuple[str, str, str]:
    """Scheme with host, the path in front of all keys, and the Host header."""
    virtual = store.addressing is Addressing.VIRTUAL_HOST
    try:
        parts = urlsplit(endpoint_with_bucket(store.endpoint, bucket) if virtual else store.endpoint)
    except ValueError as error:
        raise _unusable(store, "its endpoint is no http:// or https:// address") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise _unusable(store, "its endpoint is no http:// or https:// address")
    if parts.scheme == "http" and not store.allow_http:
        raise _unusable(store, "its endpoint is http://, which is not allowed for it; use https:// or allow it")
    try:
        standard = parts.port in {None, _DEFAULT_PORTS[parts.scheme]}
    except ValueError as error:
        raise _unusable(store, "its endpoint has no valid port") from error
    host = parts.netloc.rpartition("@")[2]
    host = host.removesuffix(f":{parts.port}") if standard else host
    path = f"{parts.path.rstrip('/')}/" if virtual else f"{parts.path.rstrip('/')}/{encoded_path(bucket)}/"
    return f"{parts.scheme}://{host}", path, host


def _trust(store: ObjectStore) -> ssl.SSLContext | bool:
    if not store.endpoint.startswith("https"):
        return True
    context = ssl.create_default_context()
    if store.ca_file:
        try:
            context.load_verify_locations(cafile=store.ca_file)
        except ssl.SSLError as error:
            raise _unusable(store, "its certificate file holds no certificate") from error
        except OSError as error:
            raise _unusable(store, "its certificate file can't be read") from error
    return context


def _unusable(store: ObjectStore, why: str) -> SourceMissing:
    text = f"The settings of the object store {store.name!r} can't be used: {why}."
    return SourceMissing(ReasonCode.STORE_NOT_CONFIGURED, text)
