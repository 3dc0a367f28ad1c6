"""Bytes as they are, to a port and back: for requests that no client would send."""

import asyncio
import contextlib
import re

LIMIT = 10.0  # seconds


async def exchange(port: int, sent: bytes, *, patience: float = LIMIT) -> bytes:
    """What comes back until the server hangs up, or for so long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = bytearray()
    try:
        writer.write(sent)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(patience):
                while data := await reader.read(65536):
                    answer += data
    finally:
        writer.close()
    return bytes(answer)


def statuses(answer: bytes) -> list[int]:
    """The status of each answer on the connection."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
