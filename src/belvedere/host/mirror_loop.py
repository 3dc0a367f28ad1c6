"""A mirror that is shared: passes for as long as somebody holds it and somebody watches."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirror_files import MirrorFiles
from belvedere.host.mirror_first_look import FirstLook
from belvedere.host.mirror_nearby import logs_nearby
from belvedere.host.mirror_notice import Notice, Outlook
from belvedere.host.mirror_pacing import WATCH_SECONDS, poll_delay, retry_delay
from belvedere.host.mirror_pass import Listing, Pass, Result, disk_fault, list_wanted
from belvedere.host.mirror_plan import Held
from belvedere.host.mirror_quota import Share
from belvedere.host.mirroring import Identity, identity_of
from belvedere.sources.base import LogSource, Meter, SourceDenied, SourceError, SourceMissing
from belvedere.sources.folder import FolderSource
from belvedere.sources.hanging import beside
from belvedere.sources.location import FolderLocation, Location
from belvedere.sources.pouring import in_thread
from belvedere.sources.selecting import EVERYTHING
from belvedere.viewers.base import ViewerType

_NO_ROOM: Final = frozenset({ReasonCode.DISK_FULL, ReasonCode.MIRROR_QUOTA})
_ANSWERS_WITHIN: Final = 0.5  # seconds; others' logs may be shown meanwhile

_log = logging.getLogger(__name__)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: between passes, and without any answer before a source that was never listed is given up."""

    poll: float = 5.0
    give_up: float = 120.0


class SharedMirror:
    """One location's mirror. Its passes run while it is held and watched; what it fetched stays on disk."""

    def __init__(
        self,
        location: Location,
        viewer: ViewerType,
        place: Path,
        open_source: Callable[[Location], LogSource],
        meter: Meter,
        pace: Pace,
        share: Share,
    ) -> None:
        self._location = location
        self._viewer = viewer
        self._files = MirrorFiles(place)
        self._pass = Pass(location, viewer, self._files, share)
        self._share = share
        self._open_source = open_source
        self._meter = Meter(into=meter)
        self._pace = pace
        self._source: LogSource | None = None
        self._is_stale = False
        self._held: dict[str, Held] | None = None
        self._nearby: list[str] | None = None  # None: not looked for yet
        self._holders = 0
        self._task: asyncio.Task[None] | None = None
        self._please = asyncio.Event()
        self._watched_until = 0.0  # by the loop's clock
        self.notice = Notice(self._meter)
        self._first_look = FirstLook(viewer, self._pass, self.notice)

    @property
    def folder(self) -> Path:
        """What to show."""
        return self._files.logs

    async def elsewhere(self) -> Mapping[Path, Identity]:
        """The folder of logs that are shown in place; nothing where they are copied, or while it does not answer."""
        if not isinstance(self._location, FolderLocation):
            return {}
        with suppress(OSError, RuntimeError):
            named = self._location.path
            path, identity = await beside(named, partial(_really, named), _ANSWERS_WITHIN)
            if path.is_relative_to(self._location.root):
                return {path: identity}
        return {}

    @property
    def is_open(self) -> bool:
        """Whether somebody holds it, or its last pass has not ended yet."""
        return self._holders > 0 or (self._task is not None and not self._task.done())

    @property
    def bytes_on_disk(self) -> int:
        """Roughly, and at no cost."""
        return 0 if isinstance(self._location, FolderLocation) else self.notice.state.progress.bytes_done

    def hold(self) -> None:
        """One more holder, who watches. The first one starts the passes, and so does one who comes after a failure."""
        self._holders += 1
        self.watch()
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
            if self._task is task:
                self._task = None

    def watch(self) -> None:
        """Somebody looks now."""
        now = asyncio.get_running_loop().time()
        if now >= self._watched_until:
            self.refresh()
        self._watched_until = now + WATCH_SECONDS

    def refresh(self) -> None:
        """Make the next pass start now."""
        self._please.set()

    def renew_source(self) -> None:
        """Open the source anew for the next pass, which starts now if somebody watches."""
        self._is_stale = True
        if asyncio.get_running_loop().time() < self._watched_until:
            self.refresh()

    async def _run(self, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait([after])  # one writer at a time
            after = None  # a task that was cancelled keeps its frames: each would keep the one before it, without end
        self._held = self._nearby = None  # another host may have been here: the truth is on disk
        try:
            await self._loop()
        finally:
            self._share.end()
            await self._drop_source()
            with suppress(OSError):
                await in_thread(self._files.touch)

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        failures = unchanged = 0
        answered_at = loop.time()
        while True:
            self._please.clear()
            try:
                result = await self._one_pass()
            except Exception as error:  # noqa: BLE001 - a defect too is told and retried: it must not end a mirror mutely
                failures += 1
                asked = error.retry_after if isinstance(error, SourceError) else 0.0
                patience = self._patience(error, loop.time() - answered_at)
                is_final = patience is not None and patience <= 0
                delay = None if is_final else self._back_off(failures, asked)
                outlook = Outlook(failures=failures, delay=delay, patience=None if is_final else patience)
                self.notice.fault(_reason_of(error), outlook)
                await self._drop_source()  # the next try opens it anew, perhaps with keys that were rotated
            else:
                answered_at = loop.time()
                failures = failures + 1 if result.fault else 0
                unchanged = 0 if result.changed else unchanged + 1
                delay = (
                    self._back_off(failures, result.retry_after) if failures else poll_delay(self._pace.poll, unchanged)
                )
                self.notice.end_pass(result, Outlook(failures=failures, delay=delay))
            if delay is None:
                return
            await self._pause(delay)

    async def _one_pass(self) -> Result:
        if self._held is None:
            self._held = await in_thread(self._files.prepare)
        source = await self._opened()
        listing = await self._listed(source, self._held)
        if not any(self._viewer.is_log(entry.key) for entry in listing.entries):
            listing = await self._with_hint(listing)
        tally = self.notice.begin_pass()
        if isinstance(source, FolderSource):
            return await self._pass.link(source, listing, self._held, tally)
        return await self._pass.copy(source, listing, self._held, tally)

    async def _listed(self, source: LogSource, held: dict[str, Held]) -> Listing:
        selection = self._location.selection or EVERYTHING
        look = partial(self._first_look.take, source, held)
        only_all_tell = self.notice.state.complete or selection.latest
        async with self._first_look.ends():
            return await list_wanted(source, self._viewer, selection, None if only_all_tell else look)

    async def _opened(self) -> LogSource:
        if self._is_stale:
            await self._drop_source()
        if self._source is None:
            self._is_stale = False
            self._source = self._open_source(self._location)
            self._source.meter = self._meter
        return self._source

    async def _with_hint(self, listing: Listing) -> Listing:
        """Looked for once per opening: an empty board is worth a request or three, but not at each pass."""
        if self._nearby is None:
            self._nearby = await logs_nearby(self._location, self._viewer, self._open_source, self._meter)
        return msgspec.structs.replace(listing, nearby=self._nearby)

    def _patience(self, error: Exception, silence: float) -> float | None:
        """Seconds after which such errors end the mirror, None: never.

        Only before anything is shown can they: a job that once ran is told, not ended.
        """
        state = self.notice.state
        if state.complete or state.sighted or not isinstance(error, SourceError):
            return None
        return 0.0 if isinstance(error, SourceMissing | SourceDenied) else self._pace.give_up - silence

    def _back_off(self, failures: int, asked: float) -> float:
        chance = random.random()  # noqa: S311 - it spreads load, hides nothing
        return retry_delay(self._pace.poll, failures, chance, asked)

    async def _pause(self, delay: float) -> None:
        """Until the next look is due and somebody watches. The first copy is made whether or not anybody does."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):  # wait_for loses a cancellation that comes together with a wish
                await self._please.wait()
        state = self.notice.state
        may_rest = state.complete or (state.note is not None and state.note.code in _NO_ROOM)
        if may_rest and loop.time() >= self._watched_until and not self._please.is_set():
            self.notice.rest()
            await self._please.wait()

    async def _drop_source(self) -> None:
        if self._source is not None:
            await self._source.close()
            self._source = None


def _really(folder: str) -> tuple[Path, Identity]:
    """Where it is, and which it is. Blocks."""
    path = Path(folder).resolve(strict=True)
    return path, identity_of(path)


def _reason_of(error: Exception) -> Reason:
    if isinstance(error, SourceError):
        return error.reason
    _log.error("a mirror's pass broke down", exc_info=error)
    if isinstance(error, OSError):
        return disk_fault(error)
    text = "Reading the logs broke down. It is tried again; see the host's log."
    return Reason(code=ReasonCode.SOURCE_ERROR, text=text)
