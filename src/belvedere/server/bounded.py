"""HTTP parsing that gives up on requests whose head, or trailers, have no end: uvicorn's fast parser has no limit."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 2**16  # of a request line and its headers; the longest real ones have a few KiB


class BoundedHttp(HttpToolsProtocol):
    """Hangs up on whoever sends more than `HEAD_BYTES` without completing a head or a piece of body."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._barren = 0  # bytes since something was complete

    def data_received(self, data: bytes) -> None:
        self._barren += len(data)
        super().data_received(data)
        if self._barren > HEAD_BYTES and not self.transport.is_closing():
            _hang_up(self.transport)

    def on_headers_complete(self) -> None:
        self._barren = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._barren = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._barren = 0
        super().on_message_complete()


def _hang_up(transport: asyncio.Transport) -> None:
    transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    transport.close()
