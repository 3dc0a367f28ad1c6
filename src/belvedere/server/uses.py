"""Hands on to the runtime which jobs people look at."""

import asyncio
import time
from collections.abc import Callable

from belvedere.lifecycle.jobs import is_brand_new
from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.base import Runtime
from belvedere.runtimes.board import Board

REMEMBERED = 5.0  # seconds in which a further use of a job that is awake tells nothing new
_MOST_REMEMBERED = 10_000
_BEGINNING = {Phase.ABSENT, Phase.STARTING}


class Uses:
    """Notes uses as they come and passes them on at once; those that come meanwhile go together.

    A use of a sleeping viewer is never held back: somebody waits for it to wake.
    """

    def __init__(self, runtime: Runtime, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._board = board
        self._clock = clock
        self._told: dict[int, float] = {}
        self._pending: set[int] = set()
        self._news = asyncio.Event()

    def note(self, job_id: int) -> None:
        """Somebody looks at the job now."""
        if self._is_new(job_id):
            return  # its viewer has just begun; it counts as used since then
        now = self._clock()
        if now - self._told.get(job_id, -REMEMBERED) < REMEMBERED and not self._is_asleep(job_id):
            return
        if len(self._told) >= _MOST_REMEMBERED:
            self._told.clear()
        self._told[job_id] = now
        self._pending.add(job_id)
        self._news.set()

    async def run(self) -> None:
        """Pass them on until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            used, self._pending = self._pending, set()
            await self._runtime.use(used)

    def _is_new(self, job_id: int) -> bool:
        sighting = self._board.get(job_id)
        return sighting is not None and is_brand_new(sighting.job) and sighting.seen.phase in _BEGINNING

    def _is_asleep(self, job_id: int) -> bool:
        sighting = self._board.get(job_id)
        return sighting is not None and sighting.seen.phase is Phase.ASLEEP
