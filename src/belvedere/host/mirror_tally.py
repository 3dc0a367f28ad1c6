"""What a pass has done so far, and what it costs: counted where it happens, read by whoever tells people."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from belvedere.sources.base import Entry, LogSource


class Tally:
    """Numbers of one pass. `changed` is called after each change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.files_total = 0
        self.bytes_total = 0
        self.files_done = 0
        self.bytes_done = 0
        self.rewrites = 0
        self.has_logs = False

    def expect(self, files: int, size: int) -> None:
        """The totals are known."""
        self.files_total, self.bytes_total = files, size
        self._changed()

    def moved(self, size: int) -> None:
        """So many bytes more are there; negative when some were found to be worthless."""
        self.bytes_done += size
        self._changed()

    def finished(self, *, log: bool) -> None:
        """One more file is whole."""
        self.files_done += 1
        self.has_logs = self.has_logs or log
        self._changed()

    def rewrote(self) -> None:
        """A file was replaced or removed under its readers."""
        self.rewrites += 1
        self._changed()


class Meter:
    """Requests and bytes, since it was made."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0


class MeteredSource:
    """A log source whose requests and bytes are counted: a page listed and a read begun are one request each."""

    def __init__(self, source: LogSource, meters: Sequence[Meter]) -> None:
        self._source = source
        self._meters = meters

    async def probe(self) -> None:
        self._count(requests=1)
        await self._source.probe()

    async def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        self._count(requests=1)
        first = True
        async with aclosing(self._source.list()) as pages:
            async for page in pages:
                self._count(requests=0 if first else 1)
                first = False
                yield page

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        self._count(requests=1)
        async with aclosing(self._source.read(key, start, end)) as chunks:
            async for chunk in chunks:
                self._count(size=len(chunk))
                yield chunk

    async def close(self) -> None:
        await self._source.close()

    def _count(self, requests: int = 0, size: int = 0) -> None:
        for meter in self._meters:
            meter.requests += requests
            meter.bytes += size
