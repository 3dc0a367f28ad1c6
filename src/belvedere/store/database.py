"""From coroutines to transactions.

The database driver blocks, so transactions run in threads: writes in one of their own, because the database lets only
one writer in at a time anyway and waiting in a queue is cheaper than waiting for a lock; reads in a few others, so that
a slow search delays no one. An asynchronous driver would do the same, with one change of thread for each statement
instead of one for each transaction. A function that runs here is given a connection and can await nothing, so no
transaction stays open while the network is slow.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from belvedere.contract.errors import Unavailable
from belvedere.identity.acts import ACT, Act
from belvedere.store.traces import add_trace

READERS: Final = 4
CONNECTIONS: Final = READERS + 1

T = TypeVar("T")

Tells = Callable[[T], str | None]
"""From what a transaction gave: None if it changed nothing; else the id of what it made, "" where that was known."""


class Database:
    """Runs functions, each in one transaction."""

    def __init__(self, *, readers: Engine, writer: Engine) -> None:
        self._reading = readers
        self._writing = writer
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds, all of it as of one moment. Raises Unavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, _transact, self._reading, work)

    async def write(self, work: Callable[[Connection], T], *, tells: Tells[T] | None = None) -> T:
        """Do `work` wholly or not at all; on the disk when this returns. Raises Unavailable.

        `tells`: this is what the act that is going on, if one is, came to do; its trace is written with it.
        Cancelling the caller does not undo a transaction that has begun.
        """
        act = ACT.get() if tells else None
        if act is None or act.is_told or tells is None:
            return await self._write(work)
        result, act.is_told = await self._write(partial(_tell, work=work, act=act, tells=tells))
        return result

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, _transact, self._writing, work)

    def close(self) -> None:
        """Finish what has begun, then let the file go. May be called again."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._reading.dispose()


def _tell(connection: Connection, work: Callable[[Connection], T], act: Act, tells: Tells[T]) -> tuple[T, bool]:
    """Do it and write its trace; what it gave, and whether there was something to do."""
    result = work(connection)
    made = tells(result)
    if made is None:
        return result, False
    if made:
        act.about(resource_id=made)
    add_trace(connection, act.trace)
    return result, True


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except OperationalError as error:  # busy beyond all patience, no space left, a disk fault
        raise Unavailable(
            "The database can't be used just now; nothing was changed. Try again, and ask the operator if it lasts.",
            retry_after=1.0,
        ) from error
