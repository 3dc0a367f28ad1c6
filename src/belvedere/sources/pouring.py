"""Bytes from a source to whoever writes them to the disk: in threads, and a few at a time by the loop itself."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Final, TypeVar

from belvedere.sources.base import Chunk, Write

_SHORT: Final = 2**16  # bytes
_QUICK: Final = 0.02  # seconds for so many; less, and a busy processor would be taken for a busy disk
_WARY: Final = 10.0  # seconds after a write that took longer: the disk is busy

_Result = TypeVar("_Result")


async def in_thread(call: Callable[[], _Result], threads: Executor | None = None) -> _Result:
    """Run a blocking call in a thread. A cancelled caller waits for its end: there is only ever one writer."""
    work = asyncio.get_running_loop().run_in_executor(threads, call)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # looked at, so that nobody complains; who comes next starts from what is on disk
        raise


class Pen:
    """Has bytes written by the loop itself while they are few and the disk is quick, else in a thread.

    A thread that is woken for a few kilobytes costs more than writing them does.
    """

    def __init__(self, threads: Executor | None = None) -> None:
        self._threads = threads
        self._wary_until = 0.0

    async def write(self, call: Callable[[], None], size: int) -> None:
        """Run a call that writes so many bytes. As `in_thread`."""
        began = time.monotonic()
        if size > _SHORT or began < self._wary_until:
            await in_thread(call, self._threads)
            return
        try:
            call()
        finally:
            now = time.monotonic()
            if now - began > _QUICK:
                self._wary_until = now + _WARY


async def poured(chunks: AsyncIterable[Chunk], write: Write) -> AsyncGenerator[int, None]:
    """What `LogSource.pour` yields, for chunks that are there."""
    async for chunk in chunks:
        await in_thread(partial(write, chunk))
        yield len(chunk)
