"""HTTP parsing that gives up on requests whose head, or trailers, have no end: uvicorn's fast parser has no limit.

Neither has its patience: without one, whoever sends half a request holds a connection for ever.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 30.0  # until a head is whole, from the connection's beginning or the head's own
BODY_SECONDS = 120.0  # for the body after it: 12 MB in that time is 1 Mbit/s
HEAD_BYTES: Final = 2**16  # of a request line and its headers; the longest real ones have a few KiB


class BoundedHttp(HttpToolsProtocol):
    """Hangs up on whoever sends more than `HEAD_BYTES` without completing a head or a piece of body."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._barren = 0  # bytes since something was complete
        self._patience: asyncio.TimerHandle | None = None  # while a head or a body is awaited

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._barren += len(data)
        super().data_received(data)
        if self._barren > HEAD_BYTES and not self.transport.is_closing():
            _hang_up(self.transport)

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


def _hang_up(transport: asyncio.Transport) -> None:
    transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    transport.close()
