"""What is known of each job right now, in memory: the job as last written, and the last look at its viewer.

The reconciler and the service put; the API reads progress from it and the gateway its routes, without touching the
database. It is a cache: losing it loses nothing.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from belvedere.lifecycle.jobs import Job
from belvedere.lifecycle.seen import ABSENT, Seen


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A job and the last look at its viewer."""

    job: Job
    seen: Seen = ABSENT


class Board:
    """Sightings by job id. Belongs to one event loop; not for several threads."""

    def __init__(self) -> None:
        self._sightings: dict[int, Sighting] = {}
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}  # by job id, for its next change

    def put(self, job: Job, seen: Seen | None = None) -> None:
        """Note the job, and the look at its viewer if there was one. An older version of the job is ignored."""
        before = self._sightings.get(job.id)
        if before and before.job.version > job.version:
            job = before.job
        kept = before.seen if before and before.job.attempt == job.attempt else ABSENT
        after = Sighting(job=job, seen=seen or kept)
        if after != before:
            self._sightings[job.id] = after
            self._tell(job.id)

    def forget(self, job_id: int) -> None:
        """The job no longer exists."""
        if self._sightings.pop(job_id, None) is not None:
            self._tell(job_id)

    def get(self, job_id: int) -> Sighting | None:
        """The last sighting, if there is one."""
        return self._sightings.get(job_id)

    def all(self) -> Iterable[Sighting]:
        """All sightings."""
        return self._sightings.values()

    async def changed(self, job_id: int, timeout: float) -> None:
        """Return when the job's sighting changes, at the latest after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        news: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(job_id, []).append(news)
        late = loop.call_later(timeout, _arrive, news)
        try:
            await news
        finally:
            late.cancel()
            self._forget_waiting(job_id, news)

    def _forget_waiting(self, job_id: int, news: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(job_id, [])
        if news in waiting:
            waiting.remove(news)
            if not waiting:
                del self._waiting[job_id]

    def _tell(self, job_id: int) -> None:
        for news in self._waiting.pop(job_id, ()):
            _arrive(news)


def _arrive(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)
