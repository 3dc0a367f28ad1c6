"""Signed requests to one bucket of an S3-compatible store (OBS, S3, SeaweedFS, MinIO, Ceph)."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from aiohappyeyeballs import start_connection

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import Meter, SourceMissing
from belvedere.sources.location import ObjectLocation
from belvedere.sources.object_errors import broken, refused
from belvedere.sources.signing import encoded_path, encoded_query, signed_headers
from belvedere.sources.stores import Addressing, ObjectStore
from belvedere.sources.wire import ROOM, Answer, Connection, Gone, NotHttp

CONNECTIONS: Final = 32
_CONNECT_SECONDS = 3.0
_SECOND_ADDRESS = 0.25  # seconds after which a host's next address is tried as well
_EXPLANATION = 2**14  # bytes of an error's text that are read
_FAULTS = (NotHttp, OSError, UnicodeError)  # TimeoutError among them
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ALWAYS = (("User-Agent", "belvedere"), ("Accept-Encoding", "identity"))  # the bytes of a file as they are stored


class ObjectClient:
    """Opens its connections with the first request. It follows no redirect: only the settings say whom we talk to."""

    def __init__(self, location: ObjectLocation, store: ObjectStore) -> None:
        """Makes no request. Raises SourceMissing when the store's settings can't be used."""
        self._location = location
        self._store = store
        self._address = _address(store, location.bucket)
        self._tls = _trust(store) if self._address.scheme == "https" else None
        self._room = memoryview(bytearray())  # made with the first connection
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._kept: list[Connection] = []
        self.meter = Meter()

    @asynccontextmanager
    async def ask(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str], *, accept: frozenset[int]
    ) -> AsyncIterator[Answer]:
        """The answer to a GET, if its status is one of `accept`. Raises SourceError, also while its body is read.

        An empty key stands for the bucket.
        """
        async with self._turns:
            self.meter.count(requests=1)
            try:
                connection, answer = await self._answered(self._request(key, query, headers))
                try:
                    if answer.status not in accept:
                        text = await _explanation(answer)
                        raise refused(answer.status, text, answer.headers, self._location, self._store, key)
                    yield answer
                finally:
                    self._put_back(connection)
            except _FAULTS as error:
                raise broken(error, self._store) from error

    @property
    def is_encrypted(self) -> bool:
        """Whether what comes has to be decrypted."""
        return self._tls is not None

    async def close(self) -> None:
        """Close all connections that rest."""
        while self._kept:
            self._kept.pop().close()

    def _request(self, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        path, asked = self._address.path + encoded_path(key), encoded_query(query)
        signed = signed_headers(self._store, self._address.host, path, asked, datetime.now(UTC))
        lines = (f"{name}: {value}\r\n" for name, value in (*_ALWAYS, *headers.items(), *signed.items()))
        target = f"{path}?{asked}" if asked else path
        return f"GET {target} HTTP/1.1\r\nHost: {self._address.host}\r\n{''.join(lines)}\r\n".encode()

    async def _answered(self, request: bytes) -> tuple[Connection, Answer]:
        while self._kept:
            kept = self._kept.pop()
            try:
                return kept, await kept.ask(request)
            except Gone:  # while it rested, as stores do
                continue
        fresh = await self._connected()
        return fresh, await fresh.ask(request)

    async def _connected(self) -> Connection:
        if not self._room:
            self._room = memoryview(bytearray(ROOM))
        loop, there = asyncio.get_running_loop(), self._address
        async with asyncio.timeout(_CONNECT_SECONDS):
            known = await loop.getaddrinfo(there.name, there.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            line = await start_connection(known, happy_eyeballs_delay=_SECOND_ADDRESS)
            name = there.name if self._tls else None
            made = loop.create_connection(
                lambda: Connection(self._room), sock=line, ssl=self._tls, server_hostname=name
            )
            return (await made)[1]

    def _put_back(self, connection: Connection) -> None:
        if connection.is_free:
            self._kept.append(connection)
        else:
            connection.close()


async def _explanation(answer: Answer) -> str:
    text = bytearray()
    while len(text) < _EXPLANATION and (piece := await answer.piece()):
        text += piece
    return text[:_EXPLANATION].decode(errors="replace")


def endpoint_with_bucket(endpoint: str, bucket: str) -> str:
    """The endpoint of a bucket in virtual-host style."""
    parts = urlsplit(endpoint)
    return urlunsplit(parts._replace(netloc=f"{bucket}.{parts.netloc}"))


class _Address(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to connect to by name and port; the Host header; the path in front of all keys."""

    scheme: str
    name: str
    port: int
    host: str
    path: str


def _address(store: ObjectStore, bucket: str) -> _Address:
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
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError as error:
        raise _unusable(store, "its endpoint has no valid port") from error
    if not all(text.isascii() and text.isprintable() for text in (store.access_key, store.region, store.endpoint)):
        raise _unusable(store, "its endpoint, region or access key holds characters that no request can carry")
    host = parts.netloc.rpartition("@")[2]
    host = host.removesuffix(f":{parts.port}") if port == _DEFAULT_PORTS[parts.scheme] else host
    path = f"{parts.path.rstrip('/')}/" if virtual else f"{parts.path.rstrip('/')}/{encoded_path(bucket)}/"
    return _Address(scheme=parts.scheme, name=parts.hostname, port=port, host=host, path=path)


def _trust(store: ObjectStore) -> ssl.SSLContext:
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
