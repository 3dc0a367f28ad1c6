"""Files of viewers that are the same for all their jobs: served by the gateway, under one path for all of them."""

import asyncio
import functools
import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import structlog

from belvedere.viewers.base import AssetFile, HasAssets, ViewerType
from belvedere.viewers.environments import Environments
from belvedere.viewers.registry import viewer_types

ASSETS: Final = "/_belvedere/assets/"
Viewers = Callable[[], Mapping[str, ViewerType]]
_SCRIPT = re.compile(rb'(<script\b[^>]{0,200}?\ssrc=")([^"?#:]{1,200})(?:\?[^"]{0,200})?"')
_log = structlog.get_logger("belvedere.gateway")


class AssetSet(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer's files by their paths below its prefix, and the `folder` that names them by their content."""

    folder: str
    files: Mapping[str, AssetFile]

    def path(self, name: str) -> str:
        """Of a file, on any of the gateway's origins."""
        return f"{ASSETS}{self.folder}/{name}"


class Shelf:
    """Finds files by a job's path, by the shared path, and by the bare path at the origin's root.

    Those of viewers in our own environment are read at once, others with the first that is asked for. Until they are
    there, viewers serve their files themselves.
    """

    def __init__(self, viewers: Viewers, environments: Environments, origin: str = "") -> None:
        """`viewers` gives all by name, as of now. `origin`: where pages get them; empty for that of the page."""
        self._origin = origin
        self._viewers = viewers
        self._environments = environments
        self._sets: dict[str, AssetSet] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        for name, viewer in viewers().items():
            if viewer.environment is None:
                self._begin(name)

    async def loaded(self, viewer: str = "") -> None:
        """Wait until everything is there that is to be read at once, and what belongs to this viewer."""
        if viewer and viewer not in self._loading and viewer in self._viewers():
            self._begin(viewer)
        await asyncio.gather(*map(asyncio.shield, self._loading.values()))

    async def close(self) -> None:
        """Stop loading."""
        for task in self._loading.values():
            task.cancel()
        await asyncio.gather(*self._loading.values(), return_exceptions=True)

    def pages_poll(self, viewer: str) -> bool:
        """Whether pages of this viewer ask by themselves, so that their requests don't show that somebody looks."""
        kind = viewer_types().get(viewer)
        return kind is None or kind.pages_poll

    def below(self, viewer: str, rest: str) -> tuple[str, AssetFile] | None:
        """The shared path and the file that a path below a job's prefix stands for."""
        found = self._sets.get(viewer)
        file = found.files.get(rest[1:]) if found else None
        return (found.path(file.path), file) if found and file else None

    def at(self, path: str) -> tuple[str, AssetFile] | None:
        """The path and the file at a shared path."""
        folder, _, name = path.removeprefix(ASSETS).partition("/")
        found = next((each for each in self._sets.values() if each.folder == folder), None)
        file = found.files.get(name) if found else None
        return (path, file) if file else None

    def at_root(self, path: str) -> tuple[str, AssetFile] | None:
        """The shared path and the file that a style sheet asks for at the root of the origin, whatever the prefix."""
        found = ((each.path(file.path), file) for each in self._sets.values() if (file := each.files.get(path[1:])))
        return next(found, None)

    def shared(self, viewer: str, page: bytes) -> bytes:
        """A viewer's main page with its scripts named by their shared paths, on the origin that has them for all jobs.

        So a browser finds not only their bytes but also what it compiled of them for another job.
        """
        found = self._sets.get(viewer)
        return with_shared_scripts(page, found, self._origin) if found else page

    def _begin(self, name: str) -> None:
        self._loading[name] = asyncio.create_task(self._load(name, self._viewers()[name]))

    async def _load(self, name: str, viewer: ViewerType) -> None:
        environment = None
        if viewer.environment is not None:
            python = self._environments.python_of(viewer.environment.name)
            if python is None:
                return
            environment = python.parents[1]
        try:
            if isinstance(viewer, HasAssets):
                self._sets[name] = await asyncio.to_thread(asset_set, name, viewer, environment)
        except Exception:  # noqa: BLE001 - a plug-in's or an installation's fault: its viewers serve their files themselves
            _log.exception("assets can't be read", viewer=name)


def asset_set(name: str, viewer: HasAssets, environment: Path | None = None) -> AssetSet:
    """Read a viewer's files."""
    files = {file.path: file for file in viewer.assets(environment)}
    digest = hashlib.sha256()
    for path, file in sorted(files.items()):
        digest.update(f"{path}\n{file.content_type}\n{len(file.gzipped)}\n".encode())
        digest.update(file.gzipped)
    return AssetSet(folder=f"{name}-{digest.hexdigest()[:16]}", files=files)


def viewer_of(path: str) -> str:
    """The viewer that a shared path belongs to."""
    return path.removeprefix(ASSETS).partition("/")[0].rpartition("-")[0]


def with_shared_scripts(page: bytes, found: AssetSet, origin: str = "") -> bytes:
    """The page of a viewer's root with the scripts among these files named by their shared paths."""

    def named(match: re.Match[bytes]) -> bytes:
        path = match[2].decode("latin-1").removeprefix("./")
        return match[1] + f'{origin}{found.path(path)}"'.encode() if path in found.files else match[0]

    return page if b"<base" in page else _SCRIPT.sub(named, page)


@functools.lru_cache(maxsize=4)
def plain(file: AssetFile) -> bytes:
    """The file itself. Kept: it takes 60 ms of everybody's time, and anybody may ask for it."""
    return gzip.decompress(file.gzipped)
