"""One kept connection to a viewer: HTTP/1.1 by Node.js's parser. Knows nothing of browsers or jobs."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, cast

import httptools
from multidict import CIMultiDict

HIGH: Final = 2**18  # bytes of an answer held for a slow reader, until the viewer has to wait
LOW: Final = 2**16


class Broken(Exception):
    """The viewer hung up, or spoke no HTTP."""


class Connection(asyncio.Protocol):
    """Serves one exchange after the other: `begin`, `write`, `head`, `chunks`. One task at a time reads it."""

    def __init__(self) -> None:
        self.exchanges = 0
        self.idle_since = 0.0
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None  # there while the viewer takes no more of a request's body
        self._parser: httptools.HttpResponseParser | None = None

    def begin(self, *, is_head: bool) -> None:
        """Get ready for the answer to a new request. `is_head`: it will have no body, whatever its headers say."""
        self.exchanges += 1
        self.status, self.reason = 0, ""
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.is_silent, self.is_complete, self._keeps = True, False, False
        self._is_head = is_head
        self._held: deque[bytes] = deque()
        self._held_size, self._is_held_back = 0, False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def is_reusable(self) -> bool:
        """Whether the exchange ended so that another one may follow."""
        return self.is_complete and self._keeps and not self.is_lost

    async def write(self, data: bytes | bytearray) -> None:
        """Send; waits while the viewer is slow to take it. Raises Broken."""
        if self.is_lost or self._transport is None:
            raise Broken("the viewer hung up")
        self._transport.write(data)
        if self._room is not None:
            await self._room

    async def head(self) -> None:
        """Return once status and headers are there. Raises Broken."""
        while not self.status:
            if self.is_lost:
                raise Broken("the viewer hung up before it answered")
            await self._wait()

    def whole(self) -> bytes | None:
        """The body, if all of it is there already."""
        return self._take() if self.is_complete and self._held else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, to its end. Raises Broken if it ends too early."""
        while True:
            if self._held:
                yield self._take()
            elif self.is_complete:
                return
            elif self.is_lost:
                raise Broken("the viewer hung up amid its answer")
            else:
                await self._wait()

    def abort(self) -> None:
        """Hang up at once."""
        self.is_lost = True
        if self._transport is not None:
            self._transport.abort()

    def _take(self) -> bytes:
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_size = 0
        if self._is_held_back and self._transport is not None and not self.is_lost:
            self._is_held_back = False
            self._transport.resume_reading()
        return data

    async def _wait(self) -> None:
        self._news = asyncio.get_running_loop().create_future()
        try:
            await self._news
        finally:
            self._news = None

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self.is_complete:  # it speaks unasked
            self.abort()
            return
        self.is_silent = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort()
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._parser is not None and self.status and exc is None and _ends_with_connection(self.headers):
            self.is_complete = True
        self.resume_writing()
        self._tell()

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # What the parser calls

    def on_message_begin(self) -> None:
        if self.is_complete:  # it says more than it was asked
            self.abort()

    def on_status(self, reason: bytes) -> None:
        if self.is_lost:
            return
        self.reason = reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_lost:
            return
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        self.headers.add(name.decode("latin-1"), text)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code() if self._parser else 0
        if self.is_lost:
            return
        if status < 200:  # a word on the way; the answer is yet to come
            self.headers.clear()
            return
        self.status = status
        if self._is_head:
            self.on_message_complete()

    def on_body(self, body: bytes) -> None:
        if self.is_complete:
            self.abort()
            return
        self._held.append(body)
        self._held_size += len(body)
        if self._held_size > HIGH and not self._is_held_back and self._transport is not None:
            self._is_held_back = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status and self._parser is not None and not self.is_complete:
            self.is_complete = True
            self._keeps = self._parser.should_keep_alive()


def _ends_with_connection(headers: CIMultiDict[str]) -> bool:
    return "Content-Length" not in headers and "Transfer-Encoding" not in headers
