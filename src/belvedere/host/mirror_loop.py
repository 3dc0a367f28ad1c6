"""A mirror that is shared: passes for as long as somebody holds it."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirror_files import MirrorFiles, on_disk
from belvedere.host.mirror_notice import Notice, utc_now
from belvedere.host.mirror_pacing import poll_delay, retry_delay
from belvedere.host.mirror_pass import Pass, Result, disk_fault, list_wanted
from belvedere.host.mirror_plan import Held
from belvedere.host.mirror_tally import Meter, MeteredSource
from belvedere.sources.base import LogSource, SourceDenied, SourceError, SourceMissing
from belvedere.sources.folder import FolderSource
from belvedere.sources.location import Location
from belvedere.viewers.base import ViewerType

_log = logging.getLogger(__name__)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: between passes, and without any answer before a source that was never listed is given up."""

    poll: float = 5.0
    give_up: float = 120.0


class SharedMirror:
    """One location's mirror. Its passes run while it is held; what it fetched stays on disk."""

    def __init__(
        self,
        location: Location,
        viewer: ViewerType,
        place: Path,
        open_source: Callable[[Location], LogSource],
        meter: Meter,
        pace: Pace,
    ) -> None:
        self._location = location
        self._viewer = viewer
        self._files = MirrorFiles(place)
        self._pass = Pass(location, viewer, self._files)
        self._open_source = open_source
        self._meters = (Meter(), meter)
        self._pace = pace
        self._source: LogSource | None = None
        self._is_stale = False
        self._held: dict[str, Held] | None = None
        self._holders = 0
        self._task: asyncio.Task[None] | None = None
        self._please = asyncio.Event()
        self.notice = Notice(self._meters[0])

    @property
    def folder(self) -> Path:
        """What to show."""
        return self._files.logs

    def hold(self) -> None:
        """One more holder. The first one starts the passes, and so does one who comes after a failure."""
        self._holders += 1
        if self._holders > 1 and self.notice.state.failure is None:
            self.refresh()
            return
        self._files.make()
        self.notice.begin_anew()
        self._task = asyncio.create_task(self._run(after=self._task), name=f"mirror {self.folder.parent.name}")

    async def release(self) -> None:
        """One holder less. The last one ends the passes, and waits until nothing is being written any more."""
        self._holders -= 1
        if self._holders == 0:
            await self.end()

    async def end(self) -> None:
        """End the passes, whoever holds it."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def refresh(self) -> None:
        """Make the next pass start now."""
        self._please.set()

    def renew_source(self) -> None:
        """Open the source anew for the next pass, which starts now."""
        self._is_stale = True
        self.refresh()

    async def _run(self, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait([after])  # one writer at a time
        self._held = None  # another host may have been here: the truth is on disk
        try:
            await self._loop()
        finally:
            await self._drop_source()

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        faults = unchanged = 0
        answered_at = loop.time()
        while True:
            self._please.clear()
            try:
                result = await self._one_pass()
            except Exception as error:  # noqa: BLE001 - a defect too is told and retried: it must not end a mirror mutely
                reason, final = _reason_of(error), self._is_final(error, loop.time() - answered_at)
                self.notice.fault(reason, final=final)
                if final:
                    return
                await self._drop_source()  # the next try opens it anew, perhaps with keys that were rotated
                faults += 1
            else:
                self.notice.end_pass(result, utc_now())
                answered_at = loop.time()
                faults = faults + 1 if result.fault else 0
                unchanged = 0 if result.changed else unchanged + 1
            await self._pause(faults, unchanged)

    async def _one_pass(self) -> Result:
        if self._held is None:
            self._held = await on_disk(self._files.prepare)
        if self._is_stale:
            await self._drop_source()
        if self._source is None:
            self._is_stale = False
            self._source = self._open_source(self._location)
        folder = self._source if isinstance(self._source, FolderSource) else None
        source = MeteredSource(self._source, () if folder else self._meters)  # a folder costs no requests
        listing = await list_wanted(source, self._viewer)
        tally = self.notice.begin_pass()
        if folder:
            return await self._pass.link(folder, source, listing, self._held, tally)
        return await self._pass.copy(source, listing, self._held, tally)

    def _is_final(self, error: Exception, silence: float) -> bool:
        """Only before the first complete pass can a source end a mirror: a job that once ran is told, not ended."""
        if self.notice.state.complete or not isinstance(error, SourceError):
            return False
        return isinstance(error, SourceMissing | SourceDenied) or silence >= self._pace.give_up

    async def _pause(self, faults: int, unchanged: int) -> None:
        if faults:
            delay = retry_delay(self._pace.poll, faults, random.random())  # noqa: S311 - it spreads load, hides nothing
        else:
            delay = poll_delay(self._pace.poll, unchanged)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._please.wait(), delay)

    async def _drop_source(self) -> None:
        if self._source is not None:
            await self._source.close()
            self._source = None


def _reason_of(error: Exception) -> Reason:
    if isinstance(error, SourceError):
        return error.reason
    _log.error("a mirror's pass broke down", exc_info=error)
    if isinstance(error, OSError):
        return disk_fault(error)
    text = "Reading the logs broke down. It is tried again; see the host's log."
    return Reason(code=ReasonCode.SOURCE_ERROR, text=text)
