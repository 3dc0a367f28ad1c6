"""All mirrors of a host: shared by those who name the same thing, kept on disk for the next."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from belvedere.host.mirror_loop import Pace, SharedMirror
from belvedere.host.mirror_tally import Meter
from belvedere.host.mirroring import Mirror, MirrorState
from belvedere.sources.base import LogSource
from belvedere.sources.location import Location
from belvedere.viewers.base import ViewerType


def _by_location(location: Location) -> str:
    return msgspec.json.encode(location).decode()


class FolderMirrors:
    """Mirrors below one folder, which is this host's alone. Implements `host.mirroring.Mirrors`.

    `open_source` makes no request; it may raise SourceError, which becomes the mirror's failure.
    `identify` tells apart what must not be shared: give it the store's keys too (`sources.opening.source_identity`).
    """

    def __init__(
        self,
        folder: Path,
        open_source: Callable[[Location], LogSource],
        *,
        identify: Callable[[Location], str] = _by_location,
        poll_seconds: float = 5.0,
        give_up_seconds: float = 120.0,
    ) -> None:
        self._folder = folder
        self._open_source = open_source
        self._identify = identify
        self._pace = Pace(poll=poll_seconds, give_up=give_up_seconds)
        self._meter = Meter()
        self._mirrors: dict[str, SharedMirror] = {}

    def open(self, project_id: str, location: Location, viewer: ViewerType) -> Mirror:
        """The mirror of this location for this kind of viewer, shared within the project. Starts its passes."""
        name = self._name(project_id, location, viewer)
        if name not in self._mirrors:
            place = self._folder / name
            self._mirrors[name] = SharedMirror(location, viewer, place, self._open_source, self._meter, self._pace)
        return _Handle(self._mirrors[name])

    @property
    def bytes_fetched(self) -> int:
        return self._meter.bytes

    @property
    def requests(self) -> int:
        return self._meter.requests

    def renew_sources(self) -> None:
        """The settings of stores have changed: the next passes, which start now, use the new ones."""
        for mirror in self._mirrors.values():
            mirror.renew_source()

    async def close(self) -> None:
        await asyncio.gather(*(mirror.end() for mirror in self._mirrors.values()))

    def _name(self, project_id: str, location: Location, viewer: ViewerType) -> str:
        """A folder name that is the same only for those who may share. It holds digests only."""
        parts = msgspec.json.encode([project_id, self._identify(location), _by_location(location), viewer.name])
        return hashlib.blake2b(parts, digest_size=16).hexdigest()


class _Handle:
    """One holder's share of a mirror."""

    def __init__(self, shared: SharedMirror) -> None:
        self._shared = shared
        self._open = True
        shared.hold()

    @property
    def folder(self) -> Path:
        return self._shared.folder

    @property
    def state(self) -> MirrorState:
        return self._shared.notice.state

    async def differs_from(self, state: MirrorState) -> MirrorState:
        return await self._shared.notice.differs_from(state)

    def refresh(self) -> None:
        self._shared.refresh()

    async def close(self) -> None:
        if self._open:
            self._open = False
            await self._shared.release()
