"""A local folder as a log source."""

import asyncio
import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import (
    Entry,
    Meter,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceUnavailable,
    Write,
    no_glance,
)
from belvedere.sources.hanging import beside
from belvedere.sources.location import FolderLocation, describe
from belvedere.sources.pouring import poured

_PAGE = 1000  # entries
_CHUNK = 2**22  # bytes
_LINKED_FOLDERS = 4  # symlinked folders along one path: enough for "latest", too few for a maze of links to explode
_AT_ONCE = 4  # file calls of one source
_PAGE_SECONDS = 1.0  # after which a page goes out as it is: many slow calls in a row are no hanging one
_PATIENCE = 60.0  # seconds for a page, or for a piece of a file
_FIRST_PATIENCE = 10.0  # for the first look, which is a quick one

_Result = TypeVar("_Result")
_Page = tuple[tuple[Entry, ...], bool]


class FolderSource:
    """Regular files below a folder. A symlink counts as what it leads to, if that lies inside the allowed root.

    All file calls run beside the loop, so that a file system that is slow or hangs delays nobody else.
    """

    def __init__(self, location: FolderLocation, patience: float = _PATIENCE) -> None:
        self._location = location
        self._folder = Path(location.path)
        self._root = Path(location.root)
        self.remark: Reason | None = None
        self.meter = Meter()  # stays at nothing: a local folder costs nobody a request
        self._patience = patience
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def probe(self) -> None:
        await self._in_thread(self._look, min(self._patience, _FIRST_PATIENCE))

    async def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        entries = self._entries()
        page, is_last = await self._first_page(entries)
        while page:
            yield page
            if is_last:
                return
            page, is_last = await self._in_thread(partial(_page, entries), self._patience)

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        descriptor = await self._in_thread(partial(self._open, key), self._patience)
        try:
            while start < end:
                piece = partial(os.pread, descriptor, min(_CHUNK, end - start), start)
                chunk = await self._in_thread(piece, self._patience)
                if not chunk:
                    return
                yield chunk
                start += len(chunk)
        finally:
            os.close(descriptor)

    async def pour(self, key: str, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        async with aclosing(self.read(key, start, end)) as chunks, aclosing(poured(chunks, write)) as counts:
            async for count in counts:
                yield count

    def glance(self, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
        return no_glance()

    async def close(self) -> None:
        """Nothing is kept open."""

    def path_of(self, key: str) -> Path:
        """The real path of a file. Blocks. Raises SourceMissing, or SourceDenied when it leads out of the root."""
        try:
            path = (self._folder / key).resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise self._absent(key) from error
        if not path.is_relative_to(self._root):
            text = f"{self._named(key)} leads out of the allowed log root. Copy it there instead of linking it."
            raise SourceDenied(ReasonCode.SOURCE_FORBIDDEN, text)
        return path

    async def places_of(self, keys: Sequence[str]) -> tuple[dict[str, Path], frozenset[str]]:
        """The real paths of those files that exist and lie inside the root.

        And the keys of those that a viewer can read which sees nothing but this folder.
        """
        return await self._in_thread(partial(self._places_of, keys))

    def _places_of(self, keys: Sequence[str]) -> tuple[dict[str, Path], frozenset[str]]:
        paths = self._paths_of(keys)
        return paths, self._shown_in_place(paths)

    def _paths_of(self, keys: Sequence[str]) -> dict[str, Path]:
        paths = {}
        for key in keys:
            with suppress(SourceMissing, SourceDenied):
                paths[key] = self.path_of(key)
        return paths

    def _shown_in_place(self, paths: Mapping[str, Path]) -> frozenset[str]:
        top = self.path_of("")
        inside = {key: path for key, path in paths.items() if path.is_relative_to(top)}
        if os.geteuid() != 0:
            return frozenset(inside)
        # Root's viewers become other users, who may read what everybody may.
        is_open = cache(partial(_is_open_to_all, top))
        return frozenset(key for key, path in inside.items() if is_open(path))

    def _open(self, key: str) -> int:
        """A descriptor of a regular file inside the root. Judged once it is open: a path may change after any look."""
        descriptor = os.open(self.path_of(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        opened = Path(f"/proc/self/fd/{descriptor}").readlink()
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and opened.is_relative_to(self._root):
            return descriptor
        os.close(descriptor)
        text = f"{self._named(key)} leads out of the allowed log root. Copy it there instead of linking it."
        raise SourceDenied(ReasonCode.SOURCE_FORBIDDEN, text)

    def _look(self) -> None:
        path = self.path_of("")
        if not path.is_dir():
            folder, _, name = describe(self._location).rstrip("/").rpartition("/")
            text = f"{name} is a file, not a folder. Name its folder, {f'{folder}/' if folder else 'the log root'}."
            raise SourceMissing(ReasonCode.NO_SUCH_PATH, text)
        with os.scandir(path) as entries:
            next(entries, None)

    async def _first_page(self, entries: Iterator[Entry]) -> _Page:
        """Look and begin to list, with one change of thread. One that can't even be looked at is given up sooner."""
        has_answered = threading.Event()

        def begin() -> _Page:
            self._look()
            has_answered.set()
            return _page(entries)

        page = asyncio.create_task(self._in_thread(begin, self._patience))
        try:
            await asyncio.wait([page], timeout=min(self._patience, _FIRST_PATIENCE))
            if not page.done() and not has_answered.is_set():
                raise self._translated(TimeoutError())
            return await page
        finally:
            page.cancel()

    def _entries(self) -> Iterator[Entry]:
        """All there are, found as they are asked for. Blocks."""
        return self._walk(self._folder, "", (), 0)

    def _names(self) -> Sequence[str]:
        """What is directly in the folder, in order. Blocks."""
        with os.scandir(self._folder) as found:
            return sorted(entry.name for entry in found)

    def _walk(self, folder: Path, below: str, above: tuple[Path, ...], links: int) -> Iterator[Entry]:
        """Entries of `folder`, whose real path is given and whose keys begin with `below`."""
        try:
            with os.scandir(folder) as found:
                names = sorted(entry.name for entry in found)
        except OSError:
            if not below:
                raise
            return  # a folder that vanished meanwhile, or that isn't ours to read: the rest can still be shown
        for name in names:
            yield from self._visit(folder / name, f"{below}{name}", (*above, folder), links)

    def _visit(self, path: Path, key: str, above: tuple[Path, ...], links: int) -> Iterator[Entry]:
        try:
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                links += 1
                path = self.path_of(key)
                found = path.lstat()
        except (OSError, SourceError):
            return
        if stat.S_ISDIR(found.st_mode) and path not in above and links <= _LINKED_FOLDERS:
            yield from self._walk(path, f"{key}/", above, links)
        elif stat.S_ISREG(found.st_mode):
            yield _entry(key, found)

    async def _in_thread(self, call: Callable[[], _Result], limit: float | None = None) -> _Result:
        try:
            async with self._turns:
                return await beside(self._location.path, call, limit)
        except OSError as error:
            raise self._translated(error) from error

    def _absent(self, key: str) -> SourceMissing:
        where = describe(self._location)
        below = "" if self._location.path == self._location.root else " below the log root"
        text = f"The folder {where} does not exist{below}. Check its name."
        if key:
            text = f"{key!r} does not exist in {where}."
        return SourceMissing(ReasonCode.NO_SUCH_PATH, text)

    def _translated(self, error: OSError) -> SourceError:
        where = describe(self._location)
        if isinstance(error, PermissionError):
            text = f"{where} can't be read: permission denied. Give the service's user the right to read it."
            return SourceDenied(ReasonCode.SOURCE_FORBIDDEN, text)
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return SourceMissing(ReasonCode.NO_SUCH_PATH, f"{where} or a file in it does not exist any more.")
        if isinstance(error, TimeoutError):
            text = f"{where} does not answer: its file system hangs, or is very slow. It is tried again."
            return SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, text)
        text = f"{where} can't be read: {error.strerror or 'input/output error'}. It is tried again."
        return SourceUnavailable(ReasonCode.SOURCE_ERROR, text)

    def _named(self, key: str) -> str:
        where = describe(self._location)
        return where if not key else f"{key!r} in {where}"


def _is_open_to_all(top: Path, path: Path) -> bool:
    """Whether anybody who gets as far as `top` may read this file or go through this folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if not mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH):
        return False
    return path == top or _is_open_to_all(top, path.parent)


def _page(entries: Iterator[Entry]) -> _Page:
    """Some more of them, and whether these are the last. Blocks."""
    page: list[Entry] = []
    late = time.monotonic() + _PAGE_SECONDS
    for entry in entries:
        page.append(entry)
        if len(page) >= _PAGE or time.monotonic() > late:
            return tuple(page), False
    return tuple(page), True


def _entry(key: str, found: os.stat_result) -> Entry:
    modified = datetime.fromtimestamp(found.st_mtime, tz=UTC)
    return Entry(key=key, size=found.st_size, modified=modified, tag=f"{found.st_dev:x}-{found.st_ino:x}")
