"""What a first pass over a long listing shows before it knows all.

While the listing rests after its first page, the source tells some files that it would name late. Their copies begin at
once, the newest first. The listing goes on when these are there, or a second later; when it has come to its end, so
have they: what is missing yet is the pass's, which knows all.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final

from belvedere.host.mirror_names import representable
from belvedere.host.mirror_notice import Notice
from belvedere.host.mirror_pass import Pass
from belvedere.host.mirror_plan import Held
from belvedere.sources.base import Entry, LogSource, SourceError
from belvedere.viewers.base import ViewerType

_PAUSE: Final = 1.0  # seconds that the listing rests at most while the files are copied
_CALM: Final = 0.1  # and then, while the viewer loads them: a store that lists keeps others waiting

_log = logging.getLogger(__name__)


class FirstLook:
    """Of one mirror: it is taken once. Nothing is removed by it, and no file of which it knows no more is kept."""

    def __init__(self, viewer: ViewerType, mirror_pass: Pass, notice: Notice) -> None:
        self._viewer = viewer
        self._pass = mirror_pass
        self._notice = notice
        self._copying: asyncio.Task[None] | None = None
        self._taken = False

    async def take(self, source: LogSource, held: dict[str, Held]) -> Sequence[Entry]:
        """What is found. If there are logs among it, `held` follows their copies until `ends`."""
        if self._taken:
            return ()
        self._taken = True
        found: list[Entry] = []
        async with aclosing(source.glance(self._viewer.is_log)) as pages:
            async for page in pages:
                found += [entry for entry in page if self._pass.is_wanted(entry.key)]
        entries, _ = representable(found)
        if any(self._viewer.is_log(entry.key) for entry in entries):
            self._copying = asyncio.create_task(self._copy(source, entries, held))
            await asyncio.wait([self._copying], timeout=_PAUSE)
            await asyncio.sleep(_CALM)
        return entries

    @asynccontextmanager
    async def ends(self) -> AsyncIterator[None]:
        """Afterwards nothing is written any more."""
        try:
            yield
        finally:
            copying, self._copying = self._copying, None
            if copying is not None:
                copying.cancel()
                await asyncio.wait([copying])
                with suppress(asyncio.CancelledError):
                    _tell(copying.exception())

    async def _copy(self, source: LogSource, entries: Sequence[Entry], held: dict[str, Held]) -> None:
        if await self._pass.copy_some(source, entries, held, self._notice.begin_pass()):
            self._notice.sighted()


def _tell(error: BaseException | None) -> None:
    """The pass goes on: it meets the same fault, or none."""
    if error is not None and not isinstance(error, SourceError):
        _log.error("a mirror's first look broke down", exc_info=error)
