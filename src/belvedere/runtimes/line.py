"""Questions to a viewer host over kept connections to its socket, at a low price for each."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import msgspec

from belvedere.host.protocol import HOST_HEADER
from belvedere.sources.wire import ROOM, Answer, Connection, Gone

_FOR_EVER: Final = float("inf")  # whoever asks says for how long


class Told(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    body: bytes


class HostLine:
    """Belongs to one event loop. Any number of questions at a time."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self._room = memoryview(bytearray(ROOM))
        self._kept: list[Connection] = []

    async def ask(self, method: str, path: str, body: bytes | None, *, host: str | None, limit: float) -> Told:
        """The answer, in `limit` seconds; `host`: from the one of this id only. Raises OSError and NotHttp.

        A question whose connection ends before an answer is asked once more: all may be repeated.
        """
        request = _request(method, path, body, host)
        async with asyncio.timeout(limit):
            while self._kept:
                with contextlib.suppress(Gone):  # it has ended since the last answer
                    return await self._asked(self._kept.pop(), request)
            return await self._asked(await self._connected(), request)

    def close(self) -> None:
        """Let go of the connections that rest."""
        while self._kept:
            self._kept.pop().close()

    async def _connected(self) -> Connection:
        loop = asyncio.get_running_loop()
        made = loop.create_unix_connection(lambda: Connection(self._room, silence=_FOR_EVER), self._socket)
        return (await made)[1]

    async def _asked(self, connection: Connection, request: bytes) -> Told:
        answer = await connection.ask(request)  # a connection that fails, or is given up, closes itself
        told = Told(answer.status, await _body(answer))
        if connection.is_free:
            self._kept.append(connection)
        else:
            connection.close()
        return told


def _request(method: str, path: str, body: bytes | None, host: str | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: host"]
    lines += [f"{HOST_HEADER}: {host}"] if host else []
    lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"] if body is not None else []
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def _body(answer: Answer) -> bytes:
    whole = b""
    while piece := await answer.piece():
        whole += piece
    return whole
