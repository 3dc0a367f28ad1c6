"""Calls to a file system that may never answer, as on a network mount whose server is away.

Each runs in a thread that nobody waits for: not the loop, not the others' calls, not the end of the process. A place
that already has calls that hang gets no more of them, so that trying again and again uses up nothing.
"""

import asyncio
import contextlib
import errno
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Final, TypeVar

LATE: Final = 2.0  # seconds after which a call counts as one that hangs
OF_ONE_PLACE: Final = 2  # calls that hang, and the place gets no more
OF_ALL: Final = 256  # threads

_Result = TypeVar("_Result")
_Tell = Callable[[], None]
_Work = Callable[[], _Tell]


async def beside(place: str, call: Callable[[], _Result], limit: float | None = None) -> _Result:
    """What a blocking call gives, from a thread of its own; its exceptions are raised here.

    `place`: what hangs when it does. `limit`: seconds to wait. Whoever is cancelled or waits no more leaves the thread
    to its call. Raises OSError (ETIMEDOUT) when the limit is over, and at once for a place whose calls hang.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Result] = loop.create_future()

    def work() -> _Tell:
        try:
            return partial(_hand_over, loop, partial(_answer, answer, call()))
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            return partial(_hand_over, loop, partial(_refuse, answer, error))

    _THREADS.run(place, work)
    try:
        async with asyncio.timeout(limit):
            return await answer
    except TimeoutError as error:
        raise _no_answer() from error


class _Threads:
    """Threads that end with the process and keep it from nothing. One that has finished its call takes another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: deque[SimpleQueue[_Work]] = deque()
        self._under_way: dict[int, tuple[str, float]] = {}  # by thread: where, and since when

    def run(self, place: str, work: _Work) -> None:
        """Have it done. Raises OSError if the place hangs, or too many do."""
        with self._lock:
            since = time.monotonic() - LATE
            hanging = sum(there == place and began < since for there, began in self._under_way.values())
            if hanging >= OF_ONE_PLACE or len(self._under_way) >= OF_ALL:
                raise _no_answer()
            turns = self._idle.pop() if self._idle else self._another()
            self._under_way[id(turns)] = place, time.monotonic()
        turns.put(work)

    def _another(self) -> SimpleQueue[_Work]:
        turns: SimpleQueue[_Work] = SimpleQueue()
        threading.Thread(target=self._serve, args=(turns,), name="file-system", daemon=True).start()
        return turns

    def _serve(self, turns: SimpleQueue[_Work]) -> None:
        while True:
            tell = turns.get()()
            with self._lock:
                del self._under_way[id(turns)]
                self._idle.append(turns)
            tell()
            del tell  # it holds what was read


_THREADS = _Threads()


def _hand_over(loop: asyncio.AbstractEventLoop, tell: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(tell)


def _answer(answer: asyncio.Future[_Result], result: _Result) -> None:
    if not answer.done():
        answer.set_result(result)


def _refuse(answer: asyncio.Future[_Result], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _no_answer() -> OSError:
    return OSError(errno.ETIMEDOUT, "it does not answer")
