"""A line to the object store that passes every byte on as it is, and counts the requests among them."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_MARK = b" HTTP/1.1\r\n"  # ends the first line of each request; nobody here sends bodies
_SOME = 2**16  # bytes


class Line:
    """Where to connect instead of the store, and how many requests have passed so far."""

    def __init__(self, upstream: str) -> None:
        address = urlsplit(upstream)
        self._host, self._port = address.hostname, address.port
        self.requests = 0
        self.endpoint = ""
        self._under_way: set[asyncio.Task[None]] = set()

    async def serve(self, ready: threading.Event, end: asyncio.Event) -> None:
        """Until `end`."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await end.wait()
        server.close()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        back, forth = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(back, writer))
                group.create_task(self._count(reader, forth))
        except* ConnectionError:
            pass  # one side hung up
        finally:
            self._under_way.discard(task)
            await _close(forth, writer)

    async def _count(self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        rest = b""
        while some := await reader.read(_SOME):
            seen = rest + some
            self.requests += seen.count(_MARK)
            rest = seen[1 - len(_MARK) :]
            forth.write(some)
            await forth.drain()
        forth.write_eof()


@contextlib.contextmanager
def counted(upstream: str) -> Iterator[Line]:
    """Such a line while the context lasts, in a thread of its own."""
    line, ready, end, loop = Line(upstream), threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: _run(loop, line, ready, end), name="counting")
    thread.start()
    ready.wait()
    try:
        yield line
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, line: Line, ready: threading.Event, end: asyncio.Event) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(line.serve(ready, end))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(_SOME):
        writer.write(some)
        await writer.drain()
    writer.write_eof()


async def _close(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
