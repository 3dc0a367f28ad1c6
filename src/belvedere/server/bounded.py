"""HTTP parsing that gives up on requests whose head, or trailers, have no end: uvicorn's fast parser has no limit.

Neither has its patience: without one, whoever sends half a request holds a connection for ever.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from belvedere.identity.crowds import Crowd, peer_of
from belvedere.server.edge import SAFE

HEAD_SECONDS = 15.0  # until a head is whole, from the connection's beginning or the head's own
BODY_SECONDS = 120.0  # for the body after it: 12 MB in that time is 1 Mbit/s
# Of a request line and its headers. Real ones have a few KiB; but a browser whose jar a script has filled with cookies
# brings most of a MiB, and has to be told how to empty it.
HEAD_BYTES: Final = 2**20


class BoundedHttp(HttpToolsProtocol):
    """Hangs up on whoever sends more than `HEAD_BYTES` without completing a head or a piece of body."""

    crowd = Crowd()  # who may hold how many connections

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._peer: str | None = None  # once it is let in
        self._barren = 0  # bytes since something was complete
        self._patience: asyncio.TimerHandle | None = None  # while a head or a body is awaited

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = peer_of(transport.get_extra_info("peername"))
        if not self.crowd.enter(peer):
            transport.abort()
            return
        self._peer = peer
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._peer is not None:
            self.crowd.leave(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._barren += len(data)
        super().data_received(data)
        if self._barren > HEAD_BYTES and not self.transport.is_closing():
            _refuse(self.transport, b"431 Request Header Fields Too Large")

    def send_400_response(self, msg: str) -> None:
        """To what can't be read."""
        _refuse(self.transport, b"400 Bad Request", msg.encode())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._patience is None:
            self._wait(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        self._barren = 0
        self._stop_waiting()
        self._wait(BODY_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._barren = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._barren = 0
        self._stop_waiting()
        super().on_message_complete()

    def _wait(self, seconds: float) -> None:
        self._patience = self.loop.call_later(seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _refuse(transport: asyncio.Transport, status: bytes, words: bytes = b"") -> None:
    lines = [
        b"HTTP/1.1 " + status,
        *(b"%b: %b" % header for header in SAFE),
        b"content-type: text/plain; charset=utf-8",
    ]
    lines += [b"connection: close", b"content-length: %d" % len(words)]
    transport.write(b"\r\n".join([*lines, b"", words]))
    transport.close()
