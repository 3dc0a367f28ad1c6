"""TLS connections, counted from their beginning: who says nothing amid the handshake holds no more than others do."""

import asyncio
import functools
import ssl
import types
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Final, TypeVar, cast

from belvedere.identity.crowds import Crowd, peer_of

HANDSHAKE_SECONDS: Final = 15.0
_Result = TypeVar("_Result")


class Doorway(asyncio.Protocol):
    """Has a connection until its handshake is over; then `inner` has it, with what has come by then."""

    def __init__(self, inner: asyncio.Protocol, tls: ssl.SSLContext, crowd: Crowd) -> None:
        self._inner = inner
        self._tls = tls
        self._crowd = crowd
        self._peer: str | None = None  # while it counts here
        self._shaking: asyncio.Task[None] | None = None
        self._early = bytearray()
        self._is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire, peer = cast("asyncio.Transport", transport), peer_of(transport.get_extra_info("peername"))
        if not self._crowd.enter(peer):
            wire.abort()
            return
        self._peer = peer
        loop = asyncio.get_running_loop()
        shaking = loop.start_tls(wire, self, self._tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        # Its beginning, which gives the wire to the handshake, is done before anything is read: uvloop begins to read
        # as soon as this method returns, whether it has been paused or not.
        self._shaking = loop.create_task(self._shake(wire, _resumed(shaking, shaking.send(None))))

    def data_received(self, data: bytes) -> None:
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._leave()

    async def _shake(self, wire: asyncio.Transport, shaking: Awaitable[asyncio.Transport | None]) -> None:
        try:
            secured = await shaking
        except (OSError, ssl.SSLError):  # scanners, and people at the wrong port
            wire.abort()
            return
        finally:
            self._leave()  # the inner one counts for itself
        if secured is not None and not self._is_lost:
            self._hand_over(secured)

    def _hand_over(self, secured: asyncio.Transport) -> None:
        secured.set_protocol(self._inner)
        self._inner.connection_made(secured)
        if self._early and not secured.is_closing():
            self._inner.data_received(bytes(self._early))

    def _leave(self) -> None:
        if self._peer is not None:
            self._crowd.leave(self._peer)
            self._peer = None


@types.coroutine
def _resumed(begun: Coroutine[Any, Any, _Result], waits_for: Any) -> Generator[Any, Any, _Result]:
    """The rest of a coroutine whose first step has been done."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation too is its own to deal with
            step = functools.partial(begun.throw, error)
        else:
            step = functools.partial(begun.send, sent)
        try:
            waits_for = step()
        except StopIteration as end:
            return cast("_Result", end.value)
