"""A look that goes wide before it goes deep: what lies near the top of a long prefix.

A listing of all objects names a million of them in a thousand requests, one after the other. Logs mostly lie near the
top, beside the folders that hold most of the objects; a listing with a delimiter passes by what such folders hold.
Bounded in levels and in requests: what it finds is some of what is there, and nothing follows from what it doesn't.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Final

from belvedere.sources.base import Entry, SourceError
from belvedere.sources.listings import Page

REQUESTS: Final = 64
LEVELS: Final = 4  # the prefix itself is one
_AT_ONCE: Final = 16

Ask = Callable[[Mapping[str, str]], Awaitable[Page]]


async def shallow(ask: Ask, prefix: str, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
    """Files by their whole keys, level by level. It looks no further below a folder that holds logs.

    Of more folders than it may look into it takes the last by name, which often are the newest. A request that fails
    ends it: a store in trouble is not asked sixty times.
    """
    asked: set[str] = set()
    folders = {prefix}
    for _ in range(LEVELS):
        chosen = sorted(folders)[len(asked) - REQUESTS :]
        pages = await _pages(ask, chosen)
        asked.update(chosen)
        yield [entry for page in pages for entry in page.entries]
        folders = {folder for page in pages for folder in _deeper(page, prefix, is_log)} - asked
        if not folders or len(asked) == REQUESTS or len(pages) < len(chosen):
            return


async def _pages(ask: Ask, folders: Sequence[str]) -> Sequence[Page]:
    """The first page of each, as far as they can be had."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(folder: str) -> Page | None:
        async with turns:
            try:
                return await ask({"prefix": folder, "delimiter": "/"})
            except SourceError:
                return None

    return [page for page in await asyncio.gather(*map(one, folders)) if page is not None]


def _deeper(page: Page, prefix: str, is_log: Callable[[str], bool]) -> Sequence[str]:
    if any(is_log(entry.key) for entry in page.entries):
        return ()
    return [folder for folder in page.folders if folder.startswith(prefix) and folder.endswith("/")]
