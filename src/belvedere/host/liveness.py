"""Asks a viewer whether it is whole."""

import asyncio
from pathlib import Path

TIMEOUT = 5.0  # seconds


async def answers(viewer_socket: Path, path: str) -> bool:
    """Whether GET `path` on the socket gives 200 in time."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _status(viewer_socket, path) == 200
    except (OSError, TimeoutError, ValueError):
        return False


async def _status(viewer_socket: Path, path: str) -> int:
    reader, writer = await asyncio.open_unix_connection(str(viewer_socket))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        words = (await reader.readline()).split()
        return int(words[1]) if len(words) > 1 else 0
    finally:
        writer.close()
