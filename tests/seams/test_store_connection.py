"""The connection to object stores, before servers that keep, end, cut and bend their answers."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import Chunk, SourceDenied, SourceError, SourceUnavailable
from belvedere.sources.location import ObjectLocation
from belvedere.sources.object_client import ObjectClient
from belvedere.sources.stores import ObjectStore

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Says what it is told to, and counts connections and requests."""

    def __init__(self, *answers: bytes, keeps: bool = True) -> None:
        self._answers = list(answers)
        self._keeps = keeps
        self._lines: list[asyncio.StreamWriter] = []
        self.connections = 0
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._lines.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while self._answers:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self._answers.pop(0))
                await writer.drain()
                if not self._keeps:
                    break
        writer.close()

    def hang_up(self) -> None:
        for line in self._lines:
            line.transport.abort()


@asynccontextmanager
async def client_of(serve: Serve) -> AsyncIterator[ObjectClient]:
    busy: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            await serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    store = ObjectStore(endpoint=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", allow_http=True)
    client = ObjectClient(ObjectLocation(store="default", bucket="bucket", prefix=""), store)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await asyncio.sleep(0)  # aborted connections close in the loop's next round


async def got(client: ObjectClient) -> bytes:
    async with client.ask("key", {}, {}, accept=frozenset({200})) as answer:
        return b"".join([piece async for piece in pieces(answer.piece)])


async def gathered(client: ObjectClient, seen: list[bytes]) -> None:
    async with client.ask("key", {}, {}, accept=frozenset({200})) as answer:
        async for piece in pieces(answer.piece):
            seen.append(piece)  # noqa: PERF401 - what came before an error counts


async def pieces(piece: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    while found := await piece():
        yield found


async def test_a_connection_is_kept_for_the_next_request() -> None:
    server = Server(HELLO, HELLO, HELLO)
    async with client_of(server) as client:
        assert [await got(client) for _ in range(2)] == [b"hello", b"hello"]
        assert server.connections == 1


async def test_a_connection_that_ended_while_it_rested_costs_nothing_but_another() -> None:
    server = Server(HELLO, HELLO, keeps=False)
    async with client_of(server) as client:
        assert [await got(client) for _ in range(2)] == [b"hello", b"hello"]
        assert (server.connections, client.meter.requests) == (2, 2)


async def test_a_request_that_meets_a_hang_up_is_made_again_on_another_connection() -> None:
    server = Server(HELLO, b"", HELLO, HELLO)  # the second request gets no byte
    async with client_of(server) as client:
        await got(client)
        asking = asyncio.create_task(got(client))
        while len(server.requests) < 2:  # noqa: ASYNC110 - the server tells nothing
            await asyncio.sleep(0.001)
        server.hang_up()
        assert await asking == b"hello"
        assert server.connections == 2


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Transfer-Encoding: chunked\r\n", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        (b"Connection: close\r\nContent-Length: 5\r\n", b"hello"),
        (b"", b"hello"),  # up to the end of the connection
    ],
)
async def test_a_body_may_end_in_several_ways(head: bytes, body: bytes) -> None:
    async with client_of(Server(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body, keeps=False)) as client:
        assert await got(client) == b"hello"


async def test_an_answer_may_be_announced() -> None:
    async with client_of(Server(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO)) as client:
        assert await got(client) == b"hello"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", ReasonCode.SOURCE_UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ReasonCode.SOURCE_UNREACHABLE),
        (b"", ReasonCode.SOURCE_UNREACHABLE),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ReasonCode.WRONG_ENDPOINT),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, ReasonCode.WRONG_ENDPOINT),
    ],
    ids=["cut", "cut chunks", "nothing", "not HTTP", "a head without an end"],
)
async def test_what_is_no_whole_answer_is_told(answer: bytes, code: ReasonCode) -> None:
    async with client_of(Server(answer, keeps=False)) as client:
        with pytest.raises(SourceUnavailable) as error:
            await got(client)
        assert error.value.reason.code is code


async def test_what_came_before_a_cut_is_handed_on_before_it_is_told() -> None:
    async with client_of(Server(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", keeps=False)) as client:
        seen: list[bytes] = []
        with pytest.raises(SourceError):
            await gathered(client, seen)
        assert seen == [b"hello"]


async def test_a_body_that_nobody_took_ends_its_connection() -> None:
    server = Server(HELLO, HELLO)
    async with client_of(server) as client:
        async with client.ask("key", {}, {}, accept=frozenset({200})):
            pass
        await got(client)
        assert server.connections == 2


async def test_bytes_that_nobody_asked_for_end_a_connection() -> None:
    server = Server(HELLO + HELLO, HELLO)
    async with client_of(server) as client:
        assert [await got(client) for _ in range(2)] == [b"hello", b"hello"]
        assert server.connections == 2


async def test_no_redirect_is_followed() -> None:
    elsewhere = Server(HELLO)
    async with client_of(elsewhere) as other:
        place = f"http://{other._address.host}/bucket/key".encode()
        server = Server(b"HTTP/1.1 307 No\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n")
        async with client_of(server) as client:
            with pytest.raises(SourceError, match="is elsewhere"):
                await got(client)
    assert elsewhere.requests == []


async def test_a_slow_reader_is_sent_no_more_than_he_takes() -> None:
    size, sent = 2**26, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        with suppress(ConnectionError):
            while sent < size:
                writer.write(bytes(2**20))
                await writer.drain()
                sent += 2**20
        writer.close()

    async with client_of(serve) as client, client.ask("key", {}, {}, accept=frozenset({200})) as answer:
        await asyncio.sleep(0.3)
        assert sent < size // 2  # what the sockets hold, and one piece
        taken = sum([len(piece) async for piece in pieces(answer.piece)])
    assert taken == size


async def test_a_refusal_is_told_by_its_own_text_and_keeps_the_connection() -> None:
    no = b"<Error><Code>AccessDenied</Code></Error>"
    server = Server(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n%s" % (len(no), no), HELLO)
    async with client_of(server) as client:
        with pytest.raises(SourceDenied):
            await got(client)
        assert await got(client) == b"hello"
        assert server.connections == 1


async def test_a_request_that_is_given_up_ends_its_connection() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", HELLO)
    async with client_of(server) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await got(client)
        assert await got(client) == b"hello"


async def drained(client: ObjectClient, write: Callable[[Chunk], None], size: int) -> None:
    async with client.ask("key", {}, {}, accept=frozenset({200})) as answer:
        while size and (count := await answer.drain(write, size)):
            size -= count


async def test_a_body_is_written_by_a_thread_and_the_connection_is_kept() -> None:
    body, seen = bytes(range(256)) * 10_000, bytearray()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    server = Server(answer, answer, HELLO)
    async with client_of(server) as client:
        for _ in range(2):
            await drained(client, seen.extend, len(body))
        assert (bytes(seen), await got(client), server.connections) == (body * 2, b"hello", 1)


async def test_a_thread_waits_for_no_slow_line_and_writes_all_of_it() -> None:
    async def drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"ab", b"cd", b"ef"):
            writer.write(part)
            await asyncio.sleep(0.06)
        writer.close()

    seen = bytearray()
    async with client_of(drops) as client:
        await drained(client, seen.extend, 6)
    assert seen == b"abcdef"


@pytest.mark.parametrize("head", [b"Content-Length: 1000000\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_what_came_before_a_cut_is_written(head: bytes) -> None:
    seen = bytearray()
    server = Server(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n5\r\nhello\r\n", keeps=False)
    async with client_of(server) as client:
        with pytest.raises(SourceUnavailable):
            await drained(client, seen.extend, 1_000_000)
    assert b"hello" in seen


async def test_what_the_writer_raises_is_no_fault_of_the_store_and_ends_the_connection() -> None:
    def refuse(_: Chunk) -> None:
        raise LookupError("the disk's own")

    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000, HELLO)
    async with client_of(server) as client:
        with pytest.raises(LookupError):
            await drained(client, refuse, 5_000_000)
        assert (await got(client), server.connections) == (b"hello", 2)


async def test_a_reader_that_goes_away_waits_for_what_is_being_written() -> None:
    begun, go_on, written = threading.Event(), threading.Event(), bytearray()
    body = b"x" * 2**17

    def write(chunk: Chunk) -> None:
        begun.set()
        go_on.wait(10)
        written.extend(chunk)

    async with client_of(Server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as client:
        reading = asyncio.create_task(drained(client, write, len(body)))
        await asyncio.to_thread(begun.wait, 10)
        reading.cancel()
        await asyncio.sleep(0)
        assert not reading.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert written
    assert body.startswith(written)
