"""Requests to one viewer over a pool of kept connections to its unix socket."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from multidict import CIMultiDict

from belvedere.gateway.connection import Broken, Connection
from belvedere.gateway.places import EACH, EACH_GUEST, GUESTS, MOST, Asker, Full, Place, Places

IDLE: Final = 1.0  # seconds after which an unused connection is given up; viewers weigh less without any
CONNECT_LIMIT: Final = 5.0  # seconds
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})


class Question(NamedTuple):
    """A request as the viewer gets it."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes | bytearray | None = None


class Away(Exception):
    """Nobody listens on the viewer's socket, or all places are taken; the viewer got nothing."""


class Answer:
    """A viewer's answer, whose body is yet to be read. Close it in any case."""

    def __init__(self, connection: Connection, upload: "asyncio.Task[None] | None") -> None:
        self.status = connection.status
        self.reason = connection.reason
        self.headers: CIMultiDict[str] = connection.headers
        self.whole = connection.whole
        self.chunks = connection.chunks
        self.connection = connection
        self.upload = upload
        self.close: Callable[[], None] = connection.abort
        """Keep the connection if the exchange is over, else hang up; and leave the place."""


class Line:
    """The pool of one viewer. Belongs to one event loop."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._idle: list[Connection] = []
        self._places = Places(MOST, each=EACH, each_guest=EACH_GUEST, guests=GUESTS)
        self._busy = 0

    async def ask(self, question: Question, asker: Asker) -> Answer:
        """Send a request; its answer, once status and headers are there. Raises Away and Broken."""
        try:
            place = await self._places.take(asker)
        except Full as error:
            raise Away(str(error)) from error
        self._busy += 1
        try:
            answer = await self._ask(question)
        except BaseException:
            self._leave(place)
            raise
        answer.close = partial(self._end, answer, place)
        return answer

    def _end(self, answer: Answer, place: Place) -> None:
        connection, upload = answer.connection, answer.upload
        is_sent = upload is None or upload.done()
        if upload is not None and not is_sent:
            upload.cancel()
        if is_sent and connection.is_reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.abort()
        self._leave(place)

    def give_up_idle(self, before: float) -> bool:
        """Hang up connections that were not used since; whether nothing is left."""
        for connection in self._idle:
            if connection.idle_since < before:
                connection.abort()
        self._idle = [connection for connection in self._idle if not connection.is_lost]
        return not self._idle and not self._busy

    def _leave(self, place: Place) -> None:
        self._busy -= 1
        place.leave()

    async def _ask(self, question: Question) -> Answer:
        head, body = head_of(question), question.body
        while True:
            connection = self._kept() or await self._connect()
            upload = None
            try:
                connection.begin(is_head=question.method == "HEAD")
                await connection.write(head)
                upload = asyncio.create_task(_send(connection, body)) if body else None
                await connection.head()
                return Answer(connection, upload)
            except Broken:
                _drop(connection, upload)
                # A viewer may hang up on a kept connection at any time, so also just before we ask on it.
                if connection.exchanges == 1 or not connection.is_silent or question.method not in _REPEATABLE:
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


def head_of(question: Question) -> bytes:
    """A request's first line and headers. Its body is whole, so its length is known whatever the browser said."""
    lines = [f"{question.method} {question.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in question.headers.items() if name.lower() != "content-length"]
    if question.body is not None or "Content-Length" in question.headers:
        lines.append(f"Content-Length: {len(question.body or b'')}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


async def _send(connection: Connection, body: bytes | bytearray) -> None:
    with contextlib.suppress(Broken):  # whoever reads the answer sees it
        await connection.write(body)


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
