"""A plain upstream: answers every request with the same 4 KiB. ``python -m benchmarks.programs.upstream SOCKET PORT``.

It does next to nothing per request, so that what stands in front of it is measured.
"""

import asyncio
import sys
from typing import cast

import uvloop

BODY = b"x" * 4096
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
_END = b"\r\n\r\n"


class Plain(asyncio.Protocol):
    """Counts the ends of requests, which must have no bodies."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._rest = (self._rest + data).split(_END)
        if requests:
            self._transport.write(_ANSWER * len(requests))


async def serve(socket: str, port: int) -> None:
    """Listen on both until cancelled."""
    loop = asyncio.get_running_loop()
    by_socket = await loop.create_unix_server(Plain, socket)
    by_port = await loop.create_server(Plain, "127.0.0.1", port)
    await asyncio.gather(by_socket.serve_forever(), by_port.serve_forever())


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
