"""Requests to one viewer over a pool of kept connections to its unix socket."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable
from typing import Final

from multidict import CIMultiDict

from belvedere.gateway.connection import Broken, Connection

MOST: Final = 64  # connections to one viewer; more requests wait their turn
IDLE: Final = 1.0  # seconds after which an unused connection is given up; viewers weigh less without any
CONNECT_LIMIT: Final = 5.0  # seconds
PLACE_LIMIT: Final = 5.0  # seconds that a request waits for its turn; then it is as if nobody listened
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})

Body = AsyncIterable[bytes]


class Away(Exception):
    """Nobody listens on the viewer's socket, or all places are taken; the viewer got nothing."""


class Answer:
    """A viewer's answer, whose body is yet to be read. Close it in any case."""

    def __init__(self, line: "Line", connection: Connection, upload: "asyncio.Task[None] | None") -> None:
        self.status = connection.status
        self.reason = connection.reason
        self.headers: CIMultiDict[str] = connection.headers
        self.whole = connection.whole
        self.chunks = connection.chunks
        self._line = line
        self._connection = connection
        self._upload = upload

    def close(self) -> None:
        """Keep the connection if the exchange is over, else hang up."""
        self._line.end(self._connection, self._upload)


class Line:
    """The pool of one viewer. Belongs to one event loop."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._idle: list[Connection] = []
        self._places = asyncio.Semaphore(MOST)
        self._busy = 0

    async def ask(self, method: str, target: str, headers: CIMultiDict[str], body: Body | None) -> Answer:
        """Send a request; its answer, once status and headers are there. Raises Away and Broken."""
        await self._place()
        self._busy += 1
        try:
            return await self._ask(method, target, headers, body)
        except BaseException:
            self._leave()
            raise

    def end(self, connection: Connection, upload: "asyncio.Task[None] | None") -> None:
        """An exchange is over."""
        is_sent = upload is None or upload.done()
        if upload is not None and not is_sent:
            upload.cancel()
        if is_sent and connection.is_reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.abort()
        self._leave()

    def give_up_idle(self, before: float) -> bool:
        """Hang up connections that were not used since; whether nothing is left."""
        for connection in self._idle:
            if connection.idle_since < before:
                connection.abort()
        self._idle = [connection for connection in self._idle if not connection.is_lost]
        return not self._idle and not self._busy

    async def _place(self) -> None:
        if not self._places.locked():  # so that those who need not wait set no timer
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(PLACE_LIMIT):
                await self._places.acquire()
        except TimeoutError as error:
            raise Away("all places are taken") from error

    def _leave(self) -> None:
        self._busy -= 1
        self._places.release()

    async def _ask(self, method: str, target: str, headers: CIMultiDict[str], body: Body | None) -> Answer:
        head = head_of(method, target, headers, has_body=body is not None)
        is_chunked = "Content-Length" not in headers
        while True:
            connection = self._kept() or await self._connect()
            upload = None
            try:
                connection.begin(is_head=method == "HEAD")
                await connection.write(head)
                upload = asyncio.create_task(_send(connection, body, is_chunked=is_chunked)) if body else None
                await connection.head()
                return Answer(self, connection, upload)
            except Broken:
                _drop(connection, upload)
                # A viewer may hang up on a kept connection at any time, so also just before we ask on it.
                if connection.exchanges == 1 or not connection.is_silent or method not in _REPEATABLE or body:
                    raise
            except BaseException:
                _drop(connection, upload)
                raise

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_lost:
                return connection
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                return (await loop.create_unix_connection(Connection, self._socket))[1]
        except (OSError, TimeoutError) as error:
            raise Away(f"nobody listens: {error}") from error


def head_of(method: str, target: str, headers: CIMultiDict[str], *, has_body: bool) -> bytes:
    """A request's first line and headers. A body whose length nobody knows is sent in chunks."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if has_body and "Content-Length" not in headers:
        lines.append("Transfer-Encoding: chunked")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


async def _send(connection: Connection, body: Body, *, is_chunked: bool) -> None:
    try:
        async for data in body:
            await connection.write(b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data)
        if is_chunked:
            await connection.write(b"0\r\n\r\n")
    except Broken:
        pass  # whoever reads the answer sees it
    except Exception:  # noqa: BLE001 - whatever is wrong with the body, the viewer must not take it for whole
        connection.abort()


def _drop(connection: Connection, upload: "asyncio.Task[None] | None") -> None:
    connection.abort()
    if upload is not None:
        upload.cancel()


async def listens(socket: str) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError, TimeoutError):
        _, writer = await asyncio.wait_for(asyncio.open_unix_connection(socket), timeout=2)
        writer.close()
        return True
    return False
