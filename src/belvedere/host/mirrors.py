"""All mirrors of a host: shared by those who name the same thing, kept on disk for the next."""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from belvedere.host.mirror_loop import Pace, SharedMirror
from belvedere.host.mirror_quota import Allowance, Kept, Share, Shelf, too_many
from belvedere.host.mirroring import Identity, Mirror, MirrorState
from belvedere.host.room import MIRROR_QUOTA
from belvedere.sources.base import LogSource, Meter
from belvedere.sources.location import Location, ObjectLocation
from belvedere.sources.pouring import in_thread
from belvedere.viewers.base import ViewerType

_log = logging.getLogger(__name__)


def _by_location(location: Location) -> str:
    return msgspec.json.encode(location).decode()


class FolderMirrors:
    """Mirrors below one folder, which is this host's alone. Implements `host.mirroring.Mirrors`.

    `open_source` makes no request; it may raise SourceError, which becomes the mirror's failure.
    `identify` tells apart what must not be shared: give it the store's keys too (`sources.opening.source_identity`).
    `quota`: bytes on disk beyond which the data of closed mirrors is removed, the longest unused first.
    """

    def __init__(
        self,
        folder: Path,
        open_source: Callable[[Location], LogSource],
        *,
        identify: Callable[[Location], str] = _by_location,
        poll_seconds: float = 5.0,
        give_up_seconds: float = 120.0,
        quota: int = MIRROR_QUOTA,
        tidy_seconds: float = 60.0,
    ) -> None:
        self._folder = folder
        self._open_source = open_source
        self._identify = identify
        self._pace = Pace(poll=poll_seconds, give_up=give_up_seconds)
        self._quota = quota
        self._tidy_seconds = tidy_seconds
        self._shelf = Shelf(folder)
        self._tidying: asyncio.Task[None] | None = None
        self._traffic: dict[str, Meter] = {}
        self._mirrors: dict[str, SharedMirror] = {}
        self._allowances: defaultdict[str, Allowance] = defaultdict(Allowance)  # by project's part of mirrors' names

    def open(self, project_id: str, location: Location, viewer: ViewerType) -> Mirror:
        """The mirror of this location for this kind of viewer, shared within the project. Starts its passes."""
        name = self._name(project_id, location, viewer)
        if name not in self._mirrors:
            place = self._folder / name
            share = Share(allowance=self._allowances[_part_of(project_id)], mirror=name)
            meter = self._traffic.setdefault(location.store if isinstance(location, ObjectLocation) else "", Meter())
            self._mirrors[name] = SharedMirror(location, viewer, place, self._open_source, meter, self._pace, share)
        if self._tidying is None:
            self._tidying = asyncio.create_task(self._tidy_often(), name="mirror quota")
        return _Handle(self._mirrors[name])

    def limit(self, project_id: str, most: int | None) -> None:
        self._allowances[_part_of(project_id)].most = most

    @property
    def bytes_fetched(self) -> int:
        return sum(meter.bytes for meter in self._traffic.values())

    @property
    def requests(self) -> int:
        return sum(meter.requests for meter in self._traffic.values())

    @property
    def traffic(self) -> Mapping[str, Meter]:
        """By store, since the host started; local folders, under "", stay at nothing."""
        return self._traffic

    def renew_sources(self) -> None:
        """The settings of stores have changed: the next passes, which start now, use the new ones."""
        for mirror in self._mirrors.values():
            mirror.renew_source()

    async def close(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.wait([self._tidying])
        await asyncio.gather(*(mirror.end() for mirror in self._mirrors.values()))

    async def tidy(self) -> None:
        """Remove closed mirrors' data until all fit the quota, and each project's fit its own."""
        kept = await in_thread(lambda: self._shelf.kept(self._opened()))
        open_bytes = sum(mirror.bytes_on_disk for mirror in self._mirrors.values() if mirror.is_open)
        over = {each.name: each for each in (*self._beyond_allowances(kept), *too_many(kept, open_bytes, self._quota))}
        for each in over.values():
            if each.name not in self._opened():  # nobody came meanwhile, and nobody can between here and there
                self._mirrors.pop(each.name, None)
                self._shelf.take_off(each.name)
                _log.info("removed %d bytes of a closed mirror: over the quota", each.size)
        await in_thread(self._shelf.clear)

    def _beyond_allowances(self, kept: Sequence[Kept]) -> Iterator[Kept]:
        for part, allowance in self._allowances.items():
            if allowance.most is not None:
                theirs = [each for each in kept if each.name.startswith(part)]
                yield from too_many(theirs, allowance.taken, allowance.most)

    async def _tidy_often(self) -> None:
        while True:
            try:
                await self.tidy()
            except OSError as error:
                _log.warning("the room for mirrors can't be tidied: %s", error.strerror)
            await asyncio.sleep(self._tidy_seconds)

    def _opened(self) -> set[str]:
        return {name for name, mirror in self._mirrors.items() if mirror.is_open}

    def _name(self, project_id: str, location: Location, viewer: ViewerType) -> str:
        """A folder name that is the same only for those who may share. It holds digests only, the project's first."""
        parts = msgspec.json.encode([project_id, self._identify(location), _by_location(location), viewer.name])
        return _part_of(project_id) + hashlib.blake2b(parts, digest_size=16).hexdigest()


def _part_of(project_id: str) -> str:
    return hashlib.blake2b(project_id.encode(), digest_size=6).hexdigest()


class _Handle:
    """One holder's share of a mirror."""

    def __init__(self, shared: SharedMirror) -> None:
        self._shared = shared
        self._open = True
        shared.hold()

    @property
    def folder(self) -> Path:
        return self._shared.folder

    async def elsewhere(self) -> Mapping[Path, Identity]:
        return await self._shared.elsewhere()

    @property
    def state(self) -> MirrorState:
        return self._shared.notice.state

    async def differs_from(self, state: MirrorState) -> MirrorState:
        return await self._shared.notice.differs_from(state)

    def watch(self) -> None:
        self._shared.watch()

    def refresh(self) -> None:
        self._shared.refresh()

    async def close(self) -> None:
        if self._open:
            self._open = False
            await self._shared.release()
