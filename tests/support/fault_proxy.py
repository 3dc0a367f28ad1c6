"""A proxy before an object store that spoils answers on demand. It passes Host on, so that signatures stay right."""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec

from belvedere.sources.stores import ObjectStore

_CHUNK = 1024


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one answer. Nothing given: it passes unharmed."""

    status: int | None = None  # instead of the answer
    retry_after: int | None = None  # with that status
    body: str = ""  # with that status
    reset_after: int | None = None  # bytes of the body
    bytes_per_second: int | None = None
    longer_by: int = 0  # what Content-Length says beyond the truth; negative: less
    stale: bool = False  # the same request's answer of last time


PASS = Fault()


class FaultProxy:
    """One upstream. `plan` holds the faults of the answers to come, `always` that of all after them.

    Requests with `refused` in their first line get 503, whatever is planned, as long as it isn't empty.
    """

    def __init__(self, store: ObjectStore, tls: ssl.SSLContext | None = None) -> None:
        self._store = store
        self._tls = tls
        self._upstream = urlsplit(store.endpoint)
        self._server: asyncio.Server | None = None
        self._before: dict[bytes, bytes] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self.plan: deque[Fault] = deque()
        self.always = PASS
        self.refused = ""
        self.requests: list[str] = []
        self.sent = 0  # bytes of bodies

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    def settings(self) -> ObjectStore:
        """How the service is told of the store behind this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        scheme = "https" if self._tls else "http"
        return msgspec.structs.replace(self._store, endpoint=f"{scheme}://127.0.0.1:{port}")

    def spoil(self, faults: Iterable[Fault]) -> None:
        """Faults for the next answers, one each."""
        self.plan = deque(faults)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):  # who cancels, closes
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.partition(b"\r\n")[0].decode())
                await self._answer(head, writer, self._fault())
        finally:
            self._busy.discard(task)
            writer.close()

    def _fault(self) -> Fault:
        if self.refused and self.refused in self.requests[-1]:
            return Fault(status=503)
        return self.plan.popleft() if self.plan else self.always

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter, fault: Fault) -> None:
        if fault.status is not None:
            wait = f"Retry-After: {fault.retry_after}\r\n" if fault.retry_after is not None else ""
            refusal = (
                f"HTTP/1.1 {fault.status} No\r\n{wait}Content-Length: {len(fault.body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(f"{refusal}{fault.body}".encode())
            await writer.drain()
            return
        line = head.partition(b"\r\n")[0]
        answer = await self._fetch(head)
        told = self._before.get(line, answer) if fault.stale else answer
        self._before[line] = answer
        headers, _, body = told.partition(b"\r\n\r\n")
        writer.write(_with_length(headers, len(body) + fault.longer_by))
        await self._send(body, writer, fault)

    async def _send(self, body: bytes, writer: asyncio.StreamWriter, fault: Fault) -> None:
        whole = body if fault.reset_after is None else body[: fault.reset_after]
        if fault.bytes_per_second is None:
            await self._write(whole, writer)
        else:
            for start in range(0, len(whole), _CHUNK):
                await self._write(whole[start : start + _CHUNK], writer)
                await asyncio.sleep(_CHUNK / fault.bytes_per_second)
        if fault.reset_after is not None:
            writer.transport.abort()

    async def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        self.sent += len(data)
        writer.write(data)
        await writer.drain()

    async def _fetch(self, head: bytes) -> bytes:
        """The upstream's whole answer; asked in HTTP/1.0, so that it comes unchunked and ends with the connection."""
        reader, writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        try:
            writer.write(head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))
            return await reader.read()
        finally:
            writer.close()


def _with_length(headers: bytes, length: int) -> bytes:
    kept = [
        line
        for line in headers.split(b"\r\n")
        if not line.lower().startswith((b"content-length:", b"connection:", b"transfer-encoding:"))
    ]
    kept[0] = b"HTTP/1.1 " + kept[0].partition(b" ")[2]
    return b"\r\n".join([*kept, f"Content-Length: {max(0, length)}".encode(), b"Connection: close", b"", b""])
