"""Files of viewers that are the same for all their jobs: served by the gateway, under one path for all of them."""

import asyncio
import gzip
import hashlib
import re
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from belvedere.viewers.base import AssetFile, HasAssets, ViewerType

ASSETS: Final = "/_belvedere/assets/"
_SCRIPT = re.compile(rb'(<script\b[^>]{0,200}?\ssrc=")([^"?#:]{1,200})(?:\?[^"]{0,200})?"')
_log = structlog.get_logger("belvedere.gateway")


class AssetSet(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer's files by their paths below its prefix, and the `folder` that names them by their content."""

    folder: str
    files: Mapping[str, AssetFile]

    def url(self, path: str) -> str:
        """The path on the gateway's origin."""
        return f"{ASSETS}{self.folder}/{path}"


class Shelf:
    """Finds files by a job's path, by the shared path, and by the bare path at the origin's root."""

    def __init__(self, viewers: Mapping[str, ViewerType]) -> None:
        """Loads in the background; until that is done, viewers serve their files themselves."""
        self._sets: dict[str, AssetSet] = {}
        self._loading = asyncio.create_task(self._load(viewers))

    async def loaded(self) -> None:
        """Wait until everything is there."""
        await asyncio.shield(self._loading)

    async def close(self) -> None:
        """Stop loading."""
        self._loading.cancel()
        await asyncio.gather(self._loading, return_exceptions=True)

    def below(self, viewer: str, rest: str) -> tuple[str, AssetFile] | None:
        """The shared path and the file that a path below a job's prefix stands for."""
        found = self._sets.get(viewer)
        file = found.files.get(rest[1:]) if found else None
        return (found.url(file.path), file) if found and file else None

    def at(self, path: str) -> AssetFile | None:
        """The file at a shared path."""
        folder, _, name = path.removeprefix(ASSETS).partition("/")
        found = next((each for each in self._sets.values() if each.folder == folder), None)
        return found.files.get(name) if found else None

    def at_root(self, path: str) -> AssetFile | None:
        """The file that a style sheet asks for at the root of the origin, whatever its viewer's prefix."""
        return next((file for each in self._sets.values() if (file := each.files.get(path[1:]))), None)

    def shared(self, viewer: str, page: bytes) -> bytes:
        """A viewer's main page with its scripts named by their shared paths.

        So a browser finds not only their bytes but also what it compiled of them for another job.
        """
        found = self._sets.get(viewer)
        return with_shared_scripts(page, found) if found else page

    async def _load(self, viewers: Mapping[str, ViewerType]) -> None:
        for name, viewer in viewers.items():
            try:
                if isinstance(viewer, HasAssets):
                    self._sets[name] = await asyncio.to_thread(asset_set, name, viewer)
            except Exception:  # noqa: BLE001 - a plug-in's or an installation's fault: its viewers serve their files themselves
                _log.exception("assets can't be read", viewer=name)


def asset_set(name: str, viewer: HasAssets) -> AssetSet:
    """Read a viewer's files."""
    files = {file.path: file for file in viewer.assets()}
    digest = hashlib.sha256()
    for path, file in sorted(files.items()):
        digest.update(f"{path}\n{file.content_type}\n{len(file.gzipped)}\n".encode())
        digest.update(file.gzipped)
    return AssetSet(folder=f"{name}-{digest.hexdigest()[:16]}", files=files)


def with_shared_scripts(page: bytes, found: AssetSet) -> bytes:
    """The page of a viewer's root with the scripts among these files named by their shared paths."""

    def named(match: re.Match[bytes]) -> bytes:
        path = match[2].decode("latin-1").removeprefix("./")
        return match[1] + found.url(path).encode() + b'"' if path in found.files else match[0]

    return page if b"<base" in page else _SCRIPT.sub(named, page)


def plain(file: AssetFile) -> bytes:
    """The file itself."""
    return gzip.decompress(file.gzipped)
