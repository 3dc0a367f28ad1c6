"""One kept HTTP/1.1 connection that fetches, at a low price for each answer.

A mirror reads thousands of small ranges. A general client's work for each of them costs more than moving its bytes, so
here is the little that is needed: whole requests, one at a time. httptools parses heads, and bodies whose
length the head doesn't say. All other bodies are received as they are: into one buffer that all connections of a client
share, and gathered for a reader who takes them at his own pace; or straight to where the reader wants them; or by a
thread that writes them at once, while they are in the processor's cache: of a gigabyte, that spares half of the work.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, cast

import httptools

from belvedere.sources.base import Write
from belvedere.sources.draining import Drained, drain, write_all
from belvedere.sources.pouring import Pen, in_thread

_GATHERED: Final = 2**20  # bytes that are handed on together; a connection holds no more for a slow reader
_TICK: Final = 0.5  # seconds; what has come is handed on so often, however little it is
_SILENCE: Final = 20.0  # seconds; a limit on a whole answer would cut long ones
_LONGEST_HEAD: Final = 2**16  # bytes
_KNOWN: Final = "content-length content-range etag retry-after transfer-encoding x-amz-bucket-region"
_HEADERS: Final = {name.encode(): name for name in _KNOWN.split()}  # what anybody asks for, of some dozen that come
ROOM: Final = 2**18  # bytes received at once
_DRAINS: Final = ThreadPoolExecutor(16, thread_name_prefix="drain")  # apart from the threads that only write
_PEN: Final = Pen()


class NotHttp(Exception):
    """What came is no HTTP answer."""


class Gone(ConnectionError):
    """The other side ended a kept connection before it answered: the request may be made again on another."""


class Connection(asyncio.BufferedProtocol):
    """Made by a loop's `create_connection`. `room` is where bytes arrive; they are out of it before the next come.

    `silence`: seconds without a byte after which an answer is given up.
    """

    _left: int | None  # bytes of the body; None while the parser has to tell
    _target: memoryview | None  # where a reader wants them
    _filled: int  # bytes that are there
    _pieces: list[bytes]  # what nobody has taken yet
    _size: int  # of these
    _head_size: int
    _headers: dict[str, str]
    _keeps: bool  # the connection may be used again
    _due: bool  # what has come is to be handed on, however little it is
    _is_slow: bool  # a thread waited in vain

    def __init__(self, room: memoryview, *, silence: float = _SILENCE) -> None:
        self._room = room
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._answers = 0  # that were whole
        self._ended = True  # nothing more belongs to the present answer
        self._error: Exception | None = None
        self._paused = False
        self._begin()

    @property
    def is_free(self) -> bool:
        """Whether another request may be made on it."""
        return self._ended and self._keeps and self._error is None and not self._pieces

    async def ask(self, request: bytes) -> "Answer":
        """Send a whole request; its answer's head. Raises OSError, NotHttp, and Gone. Cancelled, it is closed."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise Gone
        self._begin()
        self._ended = False
        self._heard = self._loop.time()
        self._ticking = self._loop.call_later(_TICK, self._tick)
        transport.write(request)
        while not self._status:
            if self._error is not None:
                raise self._error
            await self._woken()
        return Answer(self, self._status, self._headers)

    async def fill(self, room: memoryview) -> int:
        """Receive the next bytes of the body into `room`, which isn't empty. How many; 0 after the last. As `piece`."""
        if self._pieces:
            return self._moved(self._pieces.pop(0), room)
        if self._left is None:
            return self._moved(await self.piece(), room)
        self._read_on()
        self._target, self._filled = room[: self._left], 0
        try:
            while not (self._ended or self._filled == len(self._target) or (self._due and self._filled)):
                await self._woken()
        finally:
            count, self._filled = self._filled, 0
            self._target, self._due = None, False
        if self._error is not None and not count:
            raise self._error
        return count

    async def drain(self, write: Write, most: int) -> int:
        """Give the next bytes of the body, at most `most`, to `write` in a thread. How many; 0 after the last.

        As `piece` else. What `write` raises leaves the connection unusable.
        """
        if self._left is None or self._is_encrypted or (self._is_slow and not self._pieces):
            piece = (await self.piece())[:most]
            self._is_slow = False
            if piece:
                await _PEN.write(partial(write, piece), len(piece))
            return len(piece)
        if self._error is not None and not self._pieces:
            raise self._error
        return await self._drained(write, most) or (0 if self._ended else await self.drain(write, most))

    async def _drained(self, write: Write, most: int) -> int:
        pieces = self._pieces
        self._pieces, self._size, self._due = [], 0, False
        had = sum(map(len, pieces))
        if self._ended or had >= most:
            await _PEN.write(partial(write_all, write, pieces, most), min(had, most))
            return min(had, most)
        self._pause()  # from here on the thread reads
        descriptor = os.dup(self._descriptor)
        try:
            work = partial(drain, descriptor, pieces, min(self._left or 0, most - had), write)
            drained = await in_thread(work, _DRAINS)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(descriptor)
        self._note(drained)
        if drained.error is not None and not had + drained.count:
            raise drained.error
        return had + drained.count

    def _note(self, drained: Drained) -> None:
        self._is_slow = drained.waited
        if drained.count:
            self._counted(drained.count)
        if drained.error is not None:
            self._fail(drained.error)
        elif self._ended:
            self._read_on()  # so that it is seen when the store ends a connection that rests

    async def piece(self) -> bytes:
        """The next bytes of the body, b"" after the last. What came before a fault comes before its error."""
        if self._size < _GATHERED:
            self._read_on()
        while not (self._ended or self._due or self._size >= _GATHERED):
            await self._woken()
        if self._pieces:
            return self._taken()
        if self._error is not None:
            raise self._error
        return b""

    def close(self) -> None:
        """At once."""
        self._end()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._is_encrypted = transport.get_extra_info("sslcontext") is not None
        self._descriptor: int = transport.get_extra_info("socket").fileno()

    def get_buffer(self, sizehint: int) -> memoryview:
        target = self._wanted()
        return self._room if target is None else target

    def buffer_updated(self, nbytes: int) -> None:
        if self._ended:
            self.close()  # nobody asked
            return
        self._heard = self._loop.time()
        self._silent = False
        if self._left is None:
            self._parse(nbytes)
        elif self._wanted() is None:
            self._keeps = self._keeps and nbytes <= self._left
            self.on_body(bytes(self._room[: min(nbytes, self._left)]))
            self._counted(min(nbytes, self._left))
        else:
            self._filled += nbytes
            if self._wanted() is None:
                self._wake()
            self._counted(nbytes)

    def _wanted(self) -> memoryview | None:
        """What is left of a reader's own room."""
        return self._target[self._filled :] if self._target and self._filled < len(self._target) else None

    def _parse(self, nbytes: int) -> None:
        try:
            self._parser.feed_data(self._room[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keeps = False
            self._fail(NotHttp(str(error)))
        if not self._status:
            self._head_size += nbytes
            if self._head_size > _LONGEST_HEAD:
                self._fail(NotHttp("a head without an end"))
        elif not self._ended and "transfer-encoding" not in self._headers and not self._until_closed:
            self._left = int(self._headers["content-length"]) - self._size
            if self._left > len(self._room):
                self._pause()  # until the reader says where to

    def _counted(self, nbytes: int) -> None:
        self._left = (self._left or 0) - nbytes
        if not self._left:
            self._whole()

    def connection_lost(self, exc: Exception | None) -> None:
        self._keeps = False
        if self._ended:
            return
        if self._status and self._until_closed and exc is None:
            self._whole()
        elif self._silent and self._answers:
            self._fail(Gone())
        else:
            self._fail(ConnectionResetError("the answer was cut"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._ended:
            raise NotHttp("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        known = _HEADERS.get(name.lower())
        if known is not None:
            self._headers[known] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # not the answer yet
            self._headers.clear()
            return
        self._status = status
        self._until_closed = not {"content-length", "transfer-encoding"} & self._headers.keys()
        self._keeps = self._keeps and not self._until_closed and self._parser.should_keep_alive()
        self._wake()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._size += len(body)
        if self._size >= _GATHERED:
            self._pause()
            self._wake()

    def on_message_complete(self) -> None:
        if self._status:
            self._whole()

    def _whole(self) -> None:
        self._answers += 1
        self._end()
        self._wake()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)  # the last one may not have seen the end of its answer
        self._left = self._target = None
        self._filled = 0
        self._status = 0
        self._headers = {}
        self._head_size = 0
        self._pieces = []
        self._size = 0
        self._paused = self._due = self._until_closed = self._is_slow = False
        self._silent = self._keeps = True
        self._heard = 0.0

    def _taken(self) -> bytes:
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces, self._size, self._due = [], 0, False
        self._read_on()
        return taken

    def _pause(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()

    def _moved(self, piece: bytes, room: memoryview) -> int:
        count = min(len(piece), len(room))
        room[:count] = piece[:count]
        if count < len(piece):
            self._pieces.insert(0, piece[count:])
        return count

    def _tick(self) -> None:
        self._due = bool(self._pieces or self._filled)
        if self._due:
            self._wake()
        if not self._paused and self._loop.time() - self._heard >= self._silence:
            self._fail(TimeoutError("no answer in time"))
        else:
            self._ticking = self._loop.call_later(_TICK, self._tick)

    def _fail(self, error: Exception) -> None:
        if not self._ended:
            self._error = error
            self.close()
            self._wake()

    def _end(self) -> None:
        self._ended = True
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    async def _woken(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Answer:
    """An answer's status, those of its headers that count by lower-case names, and its body as it comes."""

    def __init__(self, connection: Connection, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.piece = connection.piece
        self.fill = connection.fill
        self.drain = connection.drain

    @property
    def length(self) -> int | None:
        """Bytes of the body; None if it doesn't say."""
        said = self.headers.get("content-length", "")
        return int(said) if said.isdecimal() and said.isascii() else None
