"""What folders there are below a location, and which of them hold logs: for people who look for theirs.

Bounded in everything: folders in a page, requests for a page, files looked at in each folder, and time.
"""

import asyncio
import os
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from belvedere.sources.base import SourceError
from belvedere.sources.folder import FolderSource
from belvedere.sources.hanging import beside
from belvedere.sources.location import FolderLocation, Location, ObjectLocation, child_of
from belvedere.sources.objects import ObjectSource
from belvedere.sources.opening import open_source
from belvedere.sources.stores import ObjectStore

LOOKED_AT: Final = 1000  # files in a folder: what one request lists
_PAGE = 1000  # files and folders that one request lists: the most that a store gives at once
_REQUESTS = 10  # for one page: a folder may hold thousands of files before its first folder
_MARKER = re.compile(r"([0-9]{1,4}):(.*)", re.DOTALL)
_AT_ONCE = 8
_LOOK_SECONDS = 3.0  # for all looks into folders together; what isn't known by then stays unknown

IsLog = Callable[[str], bool]


class NoMarker(ValueError):
    """It is none that `browse` gave."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder by its name. `has_logs`: whether logs lie anywhere in it; None: not among the files looked at."""

    name: str
    has_logs: bool | None


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """One page of folders in order of name; `next_marker` leads to the next one, None after the last.

    `has_logs`: whether logs lie directly in the place itself, as far as this page shows.
    """

    folders: Sequence[Folder]
    has_logs: bool
    next_marker: str | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Which folders are asked for: names that begin so, one page of them, after the page that gave the marker."""

    begins: str = ""
    page_size: int = 50
    marker: str | None = None


async def browse(location: Location, stores: Mapping[str, ObjectStore], is_log: IsLog, look: Look) -> Shelf:
    """The folders directly below `location`. Raises SourceError, and NoMarker."""
    async with _opened(location, stores) as source:
        if isinstance(source, ObjectSource) and isinstance(location, ObjectLocation):
            return await _browse_store(source, location, is_log, look)
    assert isinstance(location, FolderLocation)  # noqa: S101 - there are two kinds
    return await _browse_folder(location, stores, is_log, look)


@asynccontextmanager
async def _opened(location: Location, stores: Mapping[str, ObjectStore]) -> AsyncIterator[object]:
    source = open_source(location, stores)
    try:
        if isinstance(source, FolderSource):
            await source.probe()
        yield source
    finally:
        await source.close()


async def _browse_store(source: ObjectSource, location: ObjectLocation, is_log: IsLog, asked: Look) -> Shelf:
    prefixes: list[str] = []
    has_logs = False
    skip, token = _place_of(asked.marker)
    for _ in range(_REQUESTS):
        follow = {"continuation-token": token} if token else {}
        below = {"prefix": location.prefix + asked.begins, "delimiter": "/", "max-keys": str(_PAGE)}
        page = await source.page({**below, **follow})
        has_logs = has_logs or any(is_log(entry.key) for entry in page.entries)
        found = [prefix for prefix in page.folders if _can_be_named(prefix.removeprefix(location.prefix))][skip:]
        room = asked.page_size - len(prefixes)
        prefixes += found[:room]
        if len(found) > room:
            skip += room
            break
        skip, token = 0, page.next_token
        if not token or len(prefixes) == asked.page_size:
            break

    async def look(prefix: str) -> bool | None:
        found = await source.page({"prefix": prefix, "max-keys": str(LOOKED_AT)})
        return _verdict(any(is_log(entry.key) for entry in found.entries), complete=not found.next_token)

    looks = await _look_into(prefixes, look)
    folders = [
        Folder(name=prefix.removeprefix(location.prefix).rstrip("/"), has_logs=looks.get(prefix)) for prefix in prefixes
    ]
    return Shelf(folders=folders, has_logs=has_logs, next_marker=f"{skip}:{token}" if skip or token else None)


def _place_of(marker: str | None) -> tuple[int, str]:
    """How many folders to skip on which of the store's pages.

    A store's page is listed whole and given in parts: asked for parts alone, it would take as many requests to get past
    files as they have folders in their way.
    """
    if marker is None:
        return 0, ""
    found = _MARKER.fullmatch(marker)
    if not found:
        raise NoMarker(marker)
    return int(found[1]), found[2]


async def _browse_folder(
    location: FolderLocation, stores: Mapping[str, ObjectStore], is_log: IsLog, asked: Look
) -> Shelf:
    names, has_logs = await beside(location.path, partial(_directly_below, location, is_log))
    rest = [name for name in names if name.startswith(asked.begins) and (asked.marker is None or name > asked.marker)]
    shown = rest[: asked.page_size]

    async def look(name: str) -> bool | None:
        source = open_source(child_of(location, name), stores)
        try:
            async with aclosing(source.list()) as pages:
                first = await anext(pages, ())
                found = any(is_log(entry.key) for entry in first)
                complete = not found and len(first) < LOOKED_AT and await anext(pages, None) is None
        finally:
            await source.close()
        return _verdict(found, complete=complete)

    looks = await _look_into(shown, look)
    folders = [Folder(name=name, has_logs=looks.get(name)) for name in shown]
    return Shelf(folders=folders, has_logs=has_logs, next_marker=shown[-1] if len(rest) > len(shown) else None)


def _directly_below(location: FolderLocation, is_log: IsLog) -> tuple[list[str], bool]:
    """Names of folders, and whether there are logs beside them. Links count if they stay inside the root. Blocks."""
    folders: list[str] = []
    has_logs = False
    with os.scandir(location.path) as entries:
        for entry in entries:
            try:
                if entry.is_symlink() and not Path(entry.path).resolve(strict=True).is_relative_to(location.root):
                    continue
                if entry.is_dir() and _can_be_named(entry.name):
                    folders.append(entry.name)
                has_logs = has_logs or (is_log(entry.name) and entry.is_file())
            except (OSError, RuntimeError):
                continue  # gone meanwhile, or not ours to look at
    return sorted(folders), has_logs


def _can_be_named(name: str) -> bool:
    """Whether a URL can name it: see `location`."""
    segments = name.rstrip("/").split("/")
    is_printable = not any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
    return is_printable and not any(segment in {"", ".", ".."} for segment in segments)


def _verdict(found: bool, *, complete: bool) -> bool | None:
    return True if found else (False if complete else None)


async def _look_into(names: Sequence[str], look: Callable[[str], Awaitable[bool | None]]) -> Mapping[str, bool | None]:
    """What each look says, as far as they come within the time. One that fails knows nothing."""
    answers: dict[str, bool | None] = {}
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> None:
        async with turns:
            try:
                answers[name] = await look(name)
            except SourceError:
                answers[name] = None

    tasks = [asyncio.create_task(one(name)) for name in names]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=_LOOK_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    return answers
