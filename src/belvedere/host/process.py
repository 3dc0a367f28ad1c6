"""One running viewer program: its pipes, its words, its end."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator

import msgspec

from belvedere.host.children import Children
from belvedere.host.groups import Group
from belvedere.host.launching import Descriptors, Launcher
from belvedere.viewers.base import Program
from belvedere.viewers.words import Command, Show

LONGEST_LINE = 2048  # bytes; the rest of a line is dropped
GRACE = 2.0  # seconds from SIGTERM to SIGKILL
ALLOCATED_UNUSED = 1 << 30  # bytes: stacks of threads, arenas
LAST_WORDS = 1.0  # seconds to wait for what an ended process has left in its pipes

Hear = Callable[[bytes], None]


class ViewerProcess:
    """A program that runs. `ended` is done when it and its whole group are gone."""

    def __init__(
        self, pid: int, stdin: int, ended: asyncio.Future[None], children: Children, group: Group | None
    ) -> None:
        self.pid = pid
        self.ended = ended
        self._stdin = stdin
        self._children = children
        self._group = group
        self._enclosed = self._overflowed = False
        self._readers: list[_Lines] = []

    @property
    def enclosed(self) -> bool:
        """Whether the kernel keeps it within its memory."""
        if self._group is not None and not self._enclosed:
            self._enclosed = self._group.has(self.pid)
        return self._enclosed

    @property
    def overflowed(self) -> bool:
        """Whether the kernel has ended some of it because it took all that its group may."""
        if self._group is not None and not self._overflowed:
            self._overflowed = self._group.overflowed()
        return self._overflowed

    def send(self, message: Show | Command) -> None:
        """Write a line to its standard input. If it is gone or stuck, that shows elsewhere."""
        with contextlib.suppress(OSError):
            os.write(self._stdin, msgspec.json.encode(message) + b"\n")

    async def finish(self) -> None:
        """Wait until it is gone and all its words have been heard."""
        await asyncio.shield(self.ended)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                for reader in self._readers:
                    await reader.closed.wait()
        for reader in self._readers:
            reader.close()
        self._close_stdin()
        await self._children.sweep()
        self._remove_group()

    async def end(self) -> None:
        """End it: by its standard input's end and SIGTERM, after two seconds by SIGKILL."""
        self._close_stdin()
        self._children.signal(self.pid, signal.SIGTERM)
        done, _ = await asyncio.wait([self.ended], timeout=GRACE)
        if not done:
            self.kill()
            await asyncio.shield(self.ended)

    def kill(self) -> None:
        """SIGKILL to its group."""
        self._children.signal(self.pid, signal.SIGKILL)

    async def listen(self, stdout: int, stderr: int, on_event: Hear, on_log: Hear) -> None:
        """Hear what it says. Takes both descriptors over."""
        for descriptor, hear in ((stdout, on_event), (stderr, on_log)):
            reader = _Lines(hear)
            self._readers.append(reader)
            pipe = os.fdopen(descriptor, "rb", buffering=0)
            await asyncio.get_running_loop().connect_read_pipe(lambda reader=reader: reader, pipe)  # type: ignore[misc]

    def _remove_group(self) -> None:
        if self._group is not None:
            self._overflowed = self.overflowed  # it can't be asked later
            self._group.remove()
            self._group = None

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1


async def start_process(
    launcher: Launcher,
    children: Children,
    program: Program,
    listener: socket.socket,
    *,
    group: Group | None,
    on_event: Hear,
    on_log: Hear,
) -> ViewerProcess:
    """Launch a program, in this control group. Raises OSError if it can't be."""
    await launcher.prepare(program)  # ahead of the birth, during which nobody looks for orphans
    with _pipe() as (their_in, our_in), _pipe() as (our_out, their_out), _pipe() as (our_err, their_err):
        with children.birth(), _entry(group) as entry:
            pid = await launcher.launch(
                program,
                Descriptors(listen=listener.fileno(), stdin=their_in, stdout=their_out, stderr=their_err, group=entry),
            )
            if pid is None:
                raise OSError("no way to start a process is open")
            ended = children.adopt(pid)
        os.set_blocking(our_in, False)
        process = ViewerProcess(pid, os.dup(our_in), ended, children, group)
        await process.listen(os.dup(our_out), os.dup(our_err), on_event, on_log)
    return process


def confine(pid: int, memory_limit: int) -> None:
    """Bound what each of its processes may allocate: without a group the last fence for one that grows fast.

    Generous, for allocated is more than used; the limit itself is kept by weighing.
    """
    most = 2 * memory_limit + ALLOCATED_UNUSED
    with contextlib.suppress(OSError):  # ProcessLookupError: its end is noted elsewhere
        resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


@contextlib.contextmanager
def _entry(group: Group | None) -> Iterator[int | None]:
    """The way into a group; one that nobody enters is removed."""
    if group is None:
        yield None
        return
    try:
        with group.entry() as entry:
            yield entry
    except BaseException:
        group.remove()
        raise


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


class _Lines(asyncio.Protocol):
    """Cuts a stream into lines of bounded length."""

    def __init__(self, hear: Hear) -> None:
        self.closed = asyncio.Event()
        self._hear = hear
        self._partial = bytearray()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._add(line)
            self._flush()
        self._add(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._partial:
            self._flush()
        self.closed.set()

    def close(self) -> None:
        """Hear no more."""
        if self._transport is not None:
            self._transport.close()

    def _add(self, data: bytes) -> None:
        self._partial += data[: LONGEST_LINE - len(self._partial)]

    def _flush(self) -> None:
        line, self._partial = bytes(self._partial), bytearray()
        self._hear(line)
