"""Bytes from a source to whoever writes them to the disk, in threads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from belvedere.sources.base import Chunk, Write

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


async def poured(chunks: AsyncIterable[Chunk], write: Write) -> AsyncGenerator[int, None]:
    """What `LogSource.pour` yields, for chunks that are there."""
    async for chunk in chunks:
        await in_thread(partial(write, chunk))
        yield len(chunk)
