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
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    """Work to be done, and who waits for what comes of it."""

    def __init__(self, work: Callable[[Connection], T], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.done: asyncio.Future[T] = loop.create_future()

    def succeed(self, result: T) -> None:
        """In the loop's thread."""
        if not self.done.done():  # else nobody waits any more
            self.done.set_result(result)

    def fail(self, error: Exception) -> None:
        """In the loop's thread."""
        if not self.done.done():
            self.done.set_exception(error)


_Outcome = Callable[[], None]  # tells the one who waits; to be called in the loop's thread


class Database:
    """Runs functions, each in one transaction. For one event loop at a time."""

    def __init__(self, *, readers: Engine, writer: Engine) -> None:
        self._reading = readers
        self._writing = writer
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._waiting: deque[_Write[Any]] = deque()
        self._is_called = False  # whether the writer has yet to look at what waits

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds, all of it as of one moment. Raises Unavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, _transact, self._reading, work)

    async def write(self, work: Callable[[Connection], T], *, tells: Tells[T] | None = None) -> T:
        """Do `work` wholly or not at all; on the disk when this returns. Raises Unavailable.

        `tells`: this is what the act that is going on, if one is, came to do; its trace is written with it.
        Cancelling the caller does not undo a transaction that has begun. `work` may be called several times, and only
        one of the calls counts.
        """
        act = ACT.get() if tells else None
        if act is None or act.is_told or tells is None:
            return await self._write(work)
        result, act.is_told = await self._write(partial(_tell, work=work, act=act, tells=tells))
        return result

    async def _write(self, work: Callable[[Connection], T]) -> T:
        write = _Write(work, asyncio.get_running_loop())
        self._waiting.append(write)
        if not self._is_called:
            self._is_called = True
            self._writer.submit(self._write_waiting)
        return await write.done

    def close(self) -> None:
        """Finish what has begun, then let the file go. May be called again."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._reading.dispose()

    def _write_waiting(self) -> None:
        """Do what waits, until nothing does. What comes from now on calls again."""
        self._is_called = False
        while some := [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]:
            writes = [write for write in some if not write.done.cancelled()]
            if writes and not (len(writes) > 1 and self._write_together(writes)):
                for write in writes:
                    _tell_all(write.loop, [_finish(self._writing, write)])

    def _write_together(self, writes: Sequence[_Write[Any]]) -> bool:
        """Whether one transaction could hold them all; those who wait have been told then, at one go."""
        try:
            outcomes = self._all_or_none(writes) or _transact(self._writing, partial(_each, _attempt, writes))
        except (Unavailable, SQLAlchemyError):
            return False  # perhaps because of one of them: each for itself, then
        _tell_all(writes[0].loop, outcomes)
        return True

    def _all_or_none(self, writes: Sequence[_Write[Any]]) -> Sequence[_Outcome]:
        """What comes of them if all succeed, as they nearly always do: a savepoint for each costs as much as its work.

        Nothing is done, and it is empty, if one is refused. Raises Unavailable.
        """
        try:
            return _transact(self._writing, partial(_each, _carry_out, writes))
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - it is told to whoever waits, once it comes again
            return ()


def _each(
    act: Callable[[Connection, _Write[Any]], _Outcome], writes: Sequence[_Write[Any]], connection: Connection
) -> list[_Outcome]:
    return [act(connection, write) for write in writes]


def _carry_out(connection: Connection, write: _Write[T]) -> _Outcome:
    return partial(write.succeed, write.work(connection))


def _tell_all(loop: asyncio.AbstractEventLoop, outcomes: Sequence[_Outcome]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_call_all, outcomes)


def _call_all(outcomes: Sequence[_Outcome]) -> None:
    for tell in outcomes:
        tell()


def _attempt(connection: Connection, write: _Write[T]) -> _Outcome:
    """Do it within a larger transaction; how to tell of it, once that is committed. Raises OperationalError."""
    try:
        with connection.begin_nested():
            result = write.work(connection)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
        return partial(write.fail, error)
    return partial(write.succeed, result)


def _finish(engine: Engine, write: _Write[T]) -> _Outcome:
    """Do it in a transaction of its own."""
    try:
        result = _transact(engine, write.work)
    except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
        return partial(write.fail, error)
    return partial(write.succeed, result)


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
