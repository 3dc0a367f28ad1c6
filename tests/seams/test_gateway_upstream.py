"""How we speak HTTP to a viewer: against sockets that say exactly these bytes."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from multidict import CIMultiDict

from belvedere.gateway import upstream
from belvedere.gateway.connection import Broken
from belvedere.gateway.places import Asker
from belvedere.gateway.upstream import Answer, Away, Line, Question

ANN = Asker("ann")
HEADERS = CIMultiDict({"Host": "viewer"})
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Script:
    """A viewer that answers the n-th request over all its connections with the n-th of these bytes.

    After an answer that is marked so it hangs up; what it was asked is in `asked`.
    """

    def __init__(self, *answers: tuple[bytes, bool]) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while self._answers:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                answer, hangs_up = self._answers.pop(0)
                writer.write(answer)
                await writer.drain()
                if hangs_up:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def line_to(script: Script) -> AsyncIterator[Line]:
    with tempfile.TemporaryDirectory(prefix="bv-") as folder:
        path = str(Path(folder) / "viewer.sock")
        server = await asyncio.start_unix_server(script.serve, path)
        line = Line(path)
        yield line
        line.give_up_idle(float("inf"))
        server.close()


async def whole(answer: Answer) -> bytes:
    try:
        return b"".join([chunk async for chunk in answer.chunks()])
    finally:
        answer.close()


async def ask(line: Line, method: str = "GET") -> tuple[int, bytes]:
    answer = await line.ask(Question(method, "/x", HEADERS), ANN)
    return answer.status, await whole(answer)


async def test_a_connection_is_used_again() -> None:
    script = Script((OK, False), (OK, False))
    async with line_to(script) as line:
        assert [await ask(line), await ask(line)] == [(200, b"ok")] * 2
        assert script.connections == 1


async def test_a_body_without_length_ends_with_the_connection() -> None:
    async with line_to(Script((b"HTTP/1.0 200 OK\r\n\r\nall of it", True))) as line:
        assert await ask(line) == (200, b"all of it")


async def test_a_word_on_the_way_is_not_the_answer() -> None:
    async with line_to(Script((b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, False))) as line:
        answer = await line.ask(Question("GET", "/x", HEADERS), ANN)
        assert (answer.status, "Link" in answer.headers) == (200, False)
        assert await whole(answer) == b"ok"


async def test_head_leaves_the_connection_fit_for_more() -> None:
    script = Script((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", False), (OK, False))
    async with line_to(script) as line:
        assert [await ask(line, "HEAD"), await ask(line)] == [(200, b""), (200, b"ok")]
        assert script.connections == 1


async def test_a_kept_connection_that_was_hung_up_is_replaced() -> None:
    script = Script((OK, False), (b"", True), (OK, False))
    async with line_to(script) as line:
        assert [await ask(line), await ask(line)] == [(200, b"ok")] * 2
        assert script.connections == 2


async def test_what_may_have_been_done_is_not_asked_twice() -> None:
    script = Script((OK, False), (b"", True), (OK, False))
    async with line_to(script) as line:
        await ask(line)
        with pytest.raises(Broken):
            await ask(line, "POST")
        assert len(script.asked) == 2


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_no_answer(said: bytes) -> None:
    async with line_to(Script((said, True))) as line:
        with pytest.raises(Broken):
            await ask(line)


async def test_a_viewer_that_speaks_unasked_is_not_asked_again_there() -> None:
    script = Script((OK + OK, False), (OK, False))
    async with line_to(script) as line:
        assert (await ask(line))[0] == 200
        assert (await ask(line))[0] == 200
        assert script.connections == 2


async def test_nobody_there_is_told_apart() -> None:
    with pytest.raises(Away):
        await ask(Line("/nonexistent/viewer.sock"))


async def test_an_answer_that_is_not_read_is_hung_up_on() -> None:
    script = Script((OK[:-1], False), (OK, False))
    async with line_to(script) as line:
        (await line.ask(Question("GET", "/x", HEADERS), ANN)).close()
        assert await ask(line) == (200, b"ok")
        assert script.connections == 2


async def test_requests_beyond_the_limit_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "MOST", 1)
    async with line_to(Script((OK, False), (OK, False))) as line:
        first = await line.ask(Question("GET", "/x", HEADERS), ANN)
        second = asyncio.create_task(ask(line))
        await asyncio.sleep(0.05)
        assert not second.done()
        assert await whole(first) == b"ok"
        assert await second == (200, b"ok")


async def test_a_request_given_up_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "MOST", 1)
    async with line_to(Script((b"", False), (OK, False))) as line:
        silent = asyncio.create_task(ask(line))
        await asyncio.sleep(0.05)
        silent.cancel()
        await asyncio.gather(silent, return_exceptions=True)
        assert await ask(line) == (200, b"ok")
