"""Bytes both ways between a browser and a viewer's unix socket. No rules about jobs or people."""

import asyncio
import time
from enum import StrEnum
from typing import Final

import aiohttp
import msgspec
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from belvedere.gateway.headers import forward_headers, return_headers

_CONNECTIONS = 64  # to one viewer at most; more requests wait their turn
_IDLE = 60.0  # seconds without use after which a viewer's connections are given up
_NO_AUTOMATIC = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
_HIDDEN_FROM_VALIDATION = ("If-None-Match", "If-Modified-Since", "Range", "If-Range")
_LARGEST_ENVIRONMENT = 2**20
ENVIRONMENT: Final = "/data/environment"


class Missed(StrEnum):
    """Why there is no answer from a viewer. Nothing has been sent to the browser then."""

    AWAY = "away"  # nobody listens; the viewer got nothing
    BROKEN = "broken"  # it hung up, or spoke no HTTP, before it had answered


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes, and what its answer has to respect."""

    socket: str
    prefix: str
    console_origin: str
    train_url: str  # shown in place of the folder that the viewer reads


class _Line:
    """The pooled connections to one viewer."""

    def __init__(self, socket: str) -> None:
        self.in_flight = 0
        self.used_at = time.monotonic()
        self.session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(socket, limit=_CONNECTIONS, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NO_AUTOMATIC,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            read_bufsize=2**17,
            max_line_size=2**15,
            max_field_size=2**15,
        )


class Forwarder:
    """Forwards requests to viewers over kept connections. Belongs to one event loop."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    async def close(self) -> None:
        """Give up all connections."""
        lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            await line.session.close()

    async def forward(self, request: web.BaseRequest, passage: Passage) -> web.StreamResponse | Missed:
        """Send the request to the viewer and stream its answer back.

        Cancellation (the browser hung up) closes the viewer's connection. If the viewer dies amid its answer, the
        browser's connection is cut, so that half an answer never looks whole.
        """
        line = await self._line(passage.socket)
        line.in_flight += 1
        try:
            return await _exchange(line.session, request, passage)
        finally:
            line.in_flight -= 1
            line.used_at = time.monotonic()

    async def _line(self, socket: str) -> _Line:
        line = self._lines.get(socket)
        if line is None:
            await self._drop_idle_lines()
            line = self._lines[socket] = _Line(socket)
        return line

    async def _drop_idle_lines(self) -> None:
        limit = time.monotonic() - _IDLE
        idle = [name for name, line in self._lines.items() if not line.in_flight and line.used_at < limit]
        for name in idle:
            await self._lines.pop(name).session.close()


async def listens(socket: str) -> bool:
    """Whether somebody takes connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_unix_connection(socket), timeout=2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _exchange(
    session: aiohttp.ClientSession, request: web.BaseRequest, passage: Passage
) -> web.StreamResponse | Missed:
    headers = forward_headers(request.headers)
    hides = request.path.rstrip("/").endswith(ENVIRONMENT)
    if hides:
        _ask_plainly(headers)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    url = URL(f"http://viewer{request.raw_path}", encoded=True)
    body = request.content if request.body_exists else None
    try:
        answer = await session.request(request.method, url, headers=headers, data=body, allow_redirects=False)
    except aiohttp.ClientConnectorError:
        return Missed.AWAY
    except (aiohttp.ClientError, OSError):
        return Missed.BROKEN
    async with answer:
        return await (_send_environment if hides else _send)(request, answer, passage)


async def _send(request: web.BaseRequest, answer: aiohttp.ClientResponse, passage: Passage) -> web.StreamResponse:
    headers = return_headers(answer.headers, passage.prefix, request.headers["Host"], passage.console_origin)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
    except (aiohttp.ClientError, OSError):  # either end is gone
        if request.transport is not None:
            request.transport.abort()
    return response


def _ask_plainly(headers: CIMultiDict[str]) -> None:
    headers["Accept-Encoding"] = "identity"
    for name in _HIDDEN_FROM_VALIDATION:
        headers.pop(name, None)


async def _send_environment(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, passage: Passage
) -> web.StreamResponse | Missed:
    """TensorBoard tells its command line and its data server's address in `debug`, and the folder that it reads.

    People see where their logs come from instead, in the words that they gave.
    """
    headers = return_headers(answer.headers, passage.prefix, request.headers["Host"], passage.console_origin)
    for name in ("Content-Length", "ETag", "Content-Encoding"):
        headers.popall(name, None)
    try:
        told = msgspec.json.decode(await _read_whole(answer.content), type=dict[str, msgspec.Raw])
    except (aiohttp.ClientError, msgspec.MsgspecError):
        told = {}  # whatever it was, it is not shown unread
    kept: dict[str, object] = {name: value for name, value in told.items() if name != "debug"}
    if "data_location" in kept:
        kept["data_location"] = passage.train_url
    headers["Content-Type"] = "application/json"
    return web.Response(status=answer.status, headers=headers, body=msgspec.json.encode(kept))


async def _read_whole(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > _LARGEST_ENVIRONMENT:
            return b""
    return bytes(body)
