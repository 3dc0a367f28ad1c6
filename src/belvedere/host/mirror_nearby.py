"""When a place has no logs: a bounded look one level up, so that a mistyped path can be told with the right ones."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Final

from belvedere.sources.base import LogSource, Meter, SourceError
from belvedere.sources.location import Location, child_of, describe, parent_of
from belvedere.viewers.base import ViewerType

PAGES: Final = 3  # of a thousand files each
_SECONDS = 10.0


async def logs_nearby(
    location: Location, viewer: ViewerType, open_source: Callable[[Location], LogSource], meter: Meter
) -> list[str]:
    """Places beside `location` that have logs, in words. A look that fails finds none."""
    parent = parent_of(location)
    if parent is None:
        return []
    found: set[str] = set()
    with suppress(SourceError, TimeoutError):
        source = open_source(parent)
        source.meter = meter
        try:
            async with asyncio.timeout(_SECONDS):
                await _look(source, viewer, found)
        finally:
            await source.close()
    places = {describe(child_of(parent, name) if name else parent) for name in found}
    return sorted(places - {describe(location)})


async def _look(source: LogSource, viewer: ViewerType, found: set[str]) -> None:
    pages = 0
    async with aclosing(source.list()) as listing:
        async for page in listing:
            found |= {entry.key.rpartition("/")[0].partition("/")[0] for entry in page if viewer.is_log(entry.key)}
            pages += 1
            if pages == PAGES:
                return
