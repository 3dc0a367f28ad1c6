"""From coroutines to transactions.

The database driver blocks, so transactions run in threads: writes in one of their own, because the database lets only
one writer in at a time anyway and waiting in a queue is cheaper than waiting for a lock; reads in a few others, so that
a slow search delays no one. An asynchronous driver would do the same, with one change of thread for each statement
instead of one for each transaction. A function that runs here is given a connection and can await nothing, so no
transaction stays open while the network is slow.

Writes that wait while another is under way are committed together: what a commit takes is the disk's time, and it takes
no longer for many.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from belvedere.contract.errors import Unavailable
from belvedere.identity.acts import ACT, Act
from belvedere.store.traces import add_trace

READERS: Final = 4
CONNECTIONS: Final = READERS + 1
TOGETHER: Final = 64  # writes in one transaction at most: the first of them waits for the last

_UNUSABLE: Final = (
    "The database can't be used just now; nothing was changed. Try again, and ask the operator if it lasts."
)
_NO_ROOM: Final = (
    "The disk with the service's database is full; nothing was changed. "
    "Ask the operator to make room: it goes on by itself then."
)

T = TypeVar("T")

Tells = Callable[[T], str | None]
"""From what a transaction gave: None if it changed nothing; else the id of what it made, "" where that was known."""


class _Write(Generic[T]):
    """Work to be done, and what comes of it."""

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.done: Future[T] = Future()


class Database:
    """Runs functions, each in one transaction."""

    def __init__(self, *, readers: Engine, writer: Engine) -> None:
        self._reading = readers
        self._writing = writer
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._waiting: deque[_Write[Any]] = deque()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds, all of it as of one moment. Raises Unavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, _transact, self._reading, work)

    async def write(self, work: Callable[[Connection], T], *, tells: Tells[T] | None = None) -> T:
        """Do `work` wholly or not at all; on the disk when this returns. Raises Unavailable.

        `tells`: this is what the act that is going on, if one is, came to do; its trace is written with it.
        Cancelling the caller does not undo a transaction that has begun. `work` may be called twice, and only one of
        the calls counts.
        """
        act = ACT.get() if tells else None
        if act is None or act.is_told or tells is None:
            return await self._write(work)
        result, act.is_told = await self._write(partial(_tell, work=work, act=act, tells=tells))
        return result

    async def _write(self, work: Callable[[Connection], T]) -> T:
        write = _Write(work)
        self._waiting.append(write)
        self._writer.submit(self._write_waiting)
        return await asyncio.wrap_future(write.done)

    def close(self) -> None:
        """Finish what has begun, then let the file go. May be called again."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._reading.dispose()

    def _write_waiting(self) -> None:
        """Do what waits. There is one call for each write, and most find that an earlier one has done it."""
        some = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
        writes = [write for write in some if write.done.set_running_or_notify_cancel()]
        if len(writes) > 1:
            try:
                outcomes = _transact(self._writing, lambda connection: [_attempt(connection, each) for each in writes])
            except (Unavailable, SQLAlchemyError):
                pass  # perhaps because of one of them: each for itself, then
            else:
                for settle in outcomes:
                    settle()
                return
        for write in writes:
            _finish(self._writing, write)


def _attempt(connection: Connection, write: _Write[T]) -> Callable[[], None]:
    """Do it within a larger transaction; how to tell of it, once that is committed. Raises OperationalError."""
    try:
        with connection.begin_nested():
            result = write.work(connection)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
        refusal = error
        return lambda: write.done.set_exception(refusal)
    return lambda: write.done.set_result(result)


def _finish(engine: Engine, write: _Write[T]) -> None:
    """Do it in a transaction of its own."""
    try:
        result = _transact(engine, write.work)
    except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
        write.done.set_exception(error)
    else:
        write.done.set_result(result)


def _tell(connection: Connection, work: Callable[[Connection], T], act: Act, tells: Tells[T]) -> tuple[T, bool]:
    """Do it and write its trace; what it gave, and whether there was something to do."""
    result = work(connection)
    made = tells(result)
    if made is None:
        return result, False
    if made:
        act.about(resource_id=made)
    for trace in (act.trace, *act.along):
        add_trace(connection, trace)
    return result, True


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except OperationalError as error:  # busy beyond all patience, no space left, a disk fault
        raise Unavailable(_NO_ROOM if _is_full(error) else _UNUSABLE, retry_after=1.0) from error


def _is_full(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL"
