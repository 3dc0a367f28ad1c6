"""Browsers' connections: none holds anything by saying nothing, by reading nothing, or by being one of very many."""

import array
import asyncio
import contextlib
import fcntl
import termios
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import web

from belvedere.contract.errors import RequestError
from belvedere.gateway import answers
from belvedere.identity.crowds import Crowd, peer_of

IDLE_SECONDS = 75.0  # between two requests; proxies keep connections for 60
HEAD_SECONDS = 15.0  # until a head is whole, from the connection's beginning or the head's own
EVERY = 1.0  # seconds between two looks at who reads
UNREAD_LOOKS = 30  # at an answer that is held for somebody who takes not one byte of it; none while we are held up
HEAD_BYTES: Final = (
    2**20
)  # of heads that wait or have yet to end: whoever has a jar full of cookies has to be told how to empty it
_MORE: Final = 2**19  # that may come with the end of such a head, or before it, in one piece

_UNREADABLE: Final = (
    "This request can't be read: its first line or one of its headers is malformed, or too long. "
    "In a browser, clear the cookies of this site."
)


class Listening(web.Server):
    """aiohttp's plain server, without its router, which costs time and takes paths apart in its own way.

    Bodies pass as they are encoded, and a browser that hangs up cancels its request. To be made in a running loop.
    """

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], crowd: Crowd) -> None:
        super().__init__(
            handle,
            handler_cancellation=True,
            auto_decompress=False,
            access_log=None,
            keepalive_timeout=IDLE_SECONDS,
            max_field_size=HEAD_BYTES,
        )
        self._crowd = crowd
        self._look = self._loop.call_later(EVERY, self._look_after)

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, self._crowd, loop=self._loop, **self._kwargs)

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stop looking, and end all connections."""
        self._look.cancel()
        await super().shutdown(timeout)

    def _look_after(self) -> None:
        for connection in self.connections:
            cast("_Protocol", connection).look()
        self._look = self._loop.call_later(EVERY, self._look_after)


class _Protocol(web.RequestHandler):
    """One connection. A head that can't be read is answered without a word of what was in it; nor is it logged."""

    __slots__ = ("_crowd", "_head", "_looks", "_patience", "_peer", "_unread", "_wire")

    def __init__(self, server: Listening, crowd: Crowd, **options: Any) -> None:
        super().__init__(server, **options)
        self._crowd = crowd
        self._peer: str | None = None  # once it is let in
        self._patience: asyncio.TimerHandle | None = None  # while a head is awaited
        self._wire: asyncio.Transport | None = None
        self._head = 0  # bytes since a head was whole
        self._unread = self._looks = 0  # bytes that the browser has yet to take; looks at which they were the same

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)
        peer = peer_of(transport.get_extra_info("peername"))
        if not self._crowd.enter(peer):
            self._wire.abort()
            return
        self._peer = peer
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_waiting()
        if self._peer is not None:
            self._crowd.leave(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        is_idle, before = self._waiter is not None and not self._waiter.done(), self._request_count
        asked = self._current_request
        is_head = is_idle or (asked is not None and asked.content.is_eof())  # the next one's, while one is answered
        waiting = len(self._messages)
        super().data_received(data)
        is_whole = self._request_count != before
        if is_whole:
            self._stop_waiting()
            self._head = self._head if waiting else 0  # what waits for its turn is held, too
        if is_head and self._peer is not None:
            self._await_head(len(data), is_begun=is_idle and not is_whole)

    def _await_head(self, more: int, *, is_begun: bool) -> None:
        self._head += more
        if self._head > HEAD_BYTES + _MORE and self._wire is not None:
            self._wire.abort()
        elif is_begun and self._patience is None:
            self._wait()

    def look(self) -> None:
        """Hang up on a browser that has taken nothing of what is held for it since long."""
        unread = _unread(self._wire) if self._wire else 0
        self._looks = self._looks + 1 if unread and unread == self._unread else 0
        self._unread = unread
        if self._looks >= UNREAD_LOOKS and self._wire:
            self._wire.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        response = answers.problem(status, RequestError.code, _UNREADABLE)
        response.force_close()
        return response

    def _wait(self) -> None:
        if self._wire is not None:
            self._patience = self._loop.call_later(HEAD_SECONDS, self._wire.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _unread(wire: asyncio.Transport) -> int:
    """Bytes that wait for the browser, here and in the kernel; 0 while none wait here."""
    held = wire.get_write_buffer_size()
    if not held:
        return 0
    queued = array.array("i", [0])
    socket = wire.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):
        fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, queued)
    return held + queued[0]
