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
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from belvedere.contract.errors import Unavailable

READERS: Final = 4
CONNECTIONS: Final = READERS + 1

T = TypeVar("T")


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

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` wholly or not at all; on the disk when this returns. Raises Unavailable.

        Cancelling the caller does not undo a transaction that has begun.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writer, _transact, self._writing, work)

    def close(self) -> None:
        """Finish what has begun, then let the file go. May be called again."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._reading.dispose()


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except OperationalError as error:  # busy beyond all patience, no space left, a disk fault
        raise Unavailable(
            "The database can't be used just now; nothing was changed. Try again, and ask the operator if it lasts.",
            retry_after=1.0,
        ) from error
