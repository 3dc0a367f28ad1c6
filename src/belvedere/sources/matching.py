"""Sources of several folders: those directly below a place whose names match a pattern, found anew at each listing.

Bounded in everything: in folders, and in requests to find them. What lies beyond is told, not hidden.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import Entry, no_glance
from belvedere.sources.folder import FolderSource
from belvedere.sources.location import FolderLocation, Location, ObjectLocation, describe
from belvedere.sources.objects import ObjectSource
from belvedere.sources.selecting import Selection, names_match
from belvedere.sources.stores import ObjectStore

FOLDERS: Final = 100  # each is listed at every look
_PAGE = 1000  # folders and files that one request lists
_REQUESTS = 10  # to find them: ten thousand folders, or files beside them
_AT_ONCE = 8  # folders that are listed side by side


class MatchingObjects(ObjectSource):
    """Folders of a prefix. One listing with a delimiter finds them."""

    def __init__(self, location: ObjectLocation, store: ObjectStore, selection: Selection) -> None:
        """Makes no request. Raises SourceMissing when the store's settings can't be used."""
        super().__init__(location, store)
        self._location = location
        self._selection = selection

    async def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        folders = await self._folders()
        for some in _batches(folders):
            for entries in await asyncio.gather(*(self._all_below(folder) for folder in some)):
                yield entries

    def glance(self, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
        return no_glance()

    async def _folders(self) -> Sequence[str]:
        """The prefixes of the folders that match."""
        above, pattern = self._location.prefix, self._selection.pattern
        asked = {"prefix": above + pattern.partition("*")[0], "delimiter": "/", "max-keys": str(_PAGE)}
        found: list[str] = []
        follow: Mapping[str, str] = {}
        for _ in range(_REQUESTS):
            page = await self.page({**asked, **follow})
            found += [each for each in page.folders if _is_match(pattern, each.removeprefix(above))]
            if not page.next_token:
                break
            follow = {"continuation-token": page.next_token}
        shown, self.remark = bounded(found, self._location, complete=not page.next_token)
        return [f"{folder}{self._selection.below}" for folder in shown]

    async def _all_below(self, prefix: str) -> Sequence[Entry]:
        async with aclosing(self.below(prefix)) as pages:
            return [entry async for page in pages for entry in page]


class MatchingFolder(FolderSource):
    """Folders of a local folder."""

    def __init__(self, location: FolderLocation, selection: Selection) -> None:
        super().__init__(location)
        self._selection = selection

    def _entries(self) -> Iterator[Entry]:
        found = [f"{name}/" for name in self._names() if _is_match(self._selection.pattern, f"{name}/")]
        shown, self.remark = bounded(found, self._location, complete=True)
        for name in shown:
            key = f"{name}{self._selection.below}".rstrip("/")
            yield from (entry for entry in self._visit(self._folder / key, key, (self._folder,), 0) if entry.key != key)


def bounded(found: Sequence[str], location: Location, *, complete: bool) -> tuple[Sequence[str], Reason | None]:
    """So many of the folders as are shown, and what is to be told of the others."""
    if complete and len(found) <= FOLDERS:
        return found, None
    count = f"{len(found):,}" if complete else f"More than {len(found):,}"
    text = (
        f"{count} folders match {describe(location)}; shown are the last {FOLDERS} by name. "
        "Use a pattern that fewer match, or several sources."
    )
    return sorted(found)[-FOLDERS:], Reason(code=ReasonCode.TOO_MANY_FOLDERS, text=text)


def _is_match(pattern: str, folder: str) -> bool:
    name = folder.rstrip("/")
    return bool(name) and folder == f"{name}/" and names_match(pattern, name)


def _batches(folders: Sequence[str]) -> Iterator[Sequence[str]]:
    return (folders[at : at + _AT_ONCE] for at in range(0, len(folders), _AT_ONCE))
