"""A wire that counts: a TCP relay between a browser and a server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Wire:
    """`down`: bytes from the server so far, with all headers. `origin`: where the browser finds the server."""

    def __init__(self) -> None:
        self.down = 0
        self.origin = ""

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.down += len(data) if down else 0
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def wire(origin: str) -> AsyncIterator[Wire]:
    """Lead to the server at `origin` while the context lasts."""
    target = urlsplit(origin)
    made = Wire()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, thence = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(made._relay(reader, thence, down=False), made._relay(there, writer, down=True))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
