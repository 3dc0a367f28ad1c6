"""The seam between a host's viewers and their logs: a local folder that stands for a log source."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason
from belvedere.lifecycle.seen import SeenSource
from belvedere.sources.base import Meter
from belvedere.sources.location import Location
from belvedere.viewers.base import ViewerType

Identity = tuple[int, int]
"""Device and inode: which folder stands at a path."""


def identity_of(path: Path) -> Identity:
    """Which folder stands there. Blocks. Raises OSError."""
    status = path.stat()
    return status.st_dev, status.st_ino


class MirrorState(msgspec.Struct, frozen=True, kw_only=True):
    """What a mirror has, as a value."""

    progress: SourceProgress
    has_logs: bool = False  # at least one whole log file stands in the folder
    complete: bool = False  # a first pass over the source has been finished
    sighted: bool = False  # the logs of a first look are there, though a listing that goes on may name more
    rewrites: int = 0  # grows when a file was replaced or removed: a viewer has to open its files anew
    failure: Reason | None = None  # before the first complete pass: the source cannot be read at all
    note: Reason | None = None  # to be told while things go on: nothing to show, transient faults
    sources: tuple[SeenSource, ...] = ()  # of a view: each of its sources


class Mirror(Protocol):
    """One source's folder, shared by all who opened it."""

    @property
    def folder(self) -> Path:
        """What to show. Exists from the start; its files are at every moment valid prefixes of the source's."""
        ...

    async def elsewhere(self) -> Mapping[Path, Identity]:
        """Folders that links in `folder` lead into, where they really are now, which they are; those that answer."""
        ...

    @property
    def state(self) -> MirrorState:
        """As of now."""
        ...

    async def differs_from(self, state: MirrorState) -> MirrorState:
        """The state, as soon as it is another than this one."""
        ...

    def watch(self) -> None:
        """Somebody looks now: passes go on for 90 s, and begin at once if they rested. Opening watches too."""
        ...

    def refresh(self) -> None:
        """Make the next pass start now."""
        ...

    async def close(self) -> None:
        """Let go of it. The last one to do so ends its passes; what was fetched stays on disk."""
        ...


class Mirrors(Protocol):
    """All mirrors of a host."""

    def open(self, project_id: str, location: Location, viewer: ViewerType) -> Mirror:
        """The mirror of this location for this kind of viewer, shared within the project. Starts its passes."""
        ...

    def limit(self, project_id: str, most: int | None) -> None:
        """How many bytes on disk the project's open mirrors may take together; None: no limit.

        Beyond it nothing more is copied, and what its closed ones left is removed.
        """
        ...

    @property
    def traffic(self) -> Mapping[str, Meter]:
        """By store, since the host started; local folders, under "", stay at nothing."""
        ...

    async def close(self) -> None:
        """End all passes."""
        ...
