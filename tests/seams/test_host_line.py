"""The questions to a viewer host, against a server that does what hosts may do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from belvedere.runtimes.line import HostLine, Told


class Host:
    """Answers with what it was asked; `waits`, and keeps silent."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.connections = 0
        self.asked = asyncio.Event()
        self._ends = asyncio.Event()
        self._runner = web.ServerRunner(web.Server(self._answer))

    async def start(self) -> None:
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def stop(self) -> None:
        self._ends.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        assert self._runner.server is not None
        self.connections = max(self.connections, len(self._runner.server.connections))
        self.asked.set()
        if request.path == "/waits":
            await self._ends.wait()
        return web.Response(status=201, body=f"{request.method} {request.path} ".encode() + await request.read())


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "s")
    await host.start()
    yield host
    await host.stop()


@pytest.fixture
async def line(host: Host) -> AsyncIterator[HostLine]:
    line = HostLine(host.socket)
    yield line
    line.close()


async def ask(line: HostLine, path: str = "/a", body: bytes | None = None, limit: float = 10) -> Told:
    return await line.ask("PUT", path, body, host=None, limit=limit)


async def test_a_question_is_answered_on_a_kept_connection(host: Host, line: HostLine) -> None:
    large = b"x" * 1_000_000  # more than a connection receives at once
    assert await ask(line, body=b"one") == Told(201, b"PUT /a one")
    told = await ask(line, body=large)
    assert told.body.endswith(large), f"{len(told.body)} bytes"
    assert host.connections == 1


async def test_questions_do_not_wait_for_each_other(host: Host, line: HostLine) -> None:
    waiting = asyncio.create_task(ask(line, "/waits"))
    await host.asked.wait()
    assert (await ask(line)).status == 201
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting


async def test_no_answer_in_time_is_an_error_and_the_next_is_not_taken_for_it(line: HostLine) -> None:
    with pytest.raises(TimeoutError):
        await ask(line, "/waits", limit=0.05)
    assert (await ask(line)).body == b"PUT /a "


async def test_a_successor_is_asked_where_a_kept_connection_has_ended(host: Host, line: HostLine) -> None:
    await ask(line)
    await host.stop()
    successor = Host(host.socket)
    await successor.start()
    assert (await ask(line)).status == 201
    await successor.stop()


async def test_nobody_there_is_an_error_of_the_system(host: Host, line: HostLine) -> None:
    await ask(line)
    await host.stop()
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        await ask(line)
