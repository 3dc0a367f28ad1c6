"""A log source in memory, with writers and faults on demand. It passes the seam's conformance suite."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import Entry, Meter, SourceDenied, SourceError, SourceMissing, SourceUnavailable, Write
from belvedere.sources.pouring import poured


class Fault(StrEnum):
    """What may go wrong with one request."""

    NONE = "none"
    UNAVAILABLE = "unavailable"  # refused before the first byte
    CUT = "cut"  # broken off in the middle
    STALE = "stale"  # a listing as it was before the last change


class MemorySource:
    """Files in memory. `versions` remembers every content that a file ever had; `reads` every read."""

    def __init__(self, chunk_bytes: int = 2**20, page_size: int = 1000) -> None:
        self.chunk_bytes = chunk_bytes
        self._page = page_size
        self._files: dict[str, tuple[bytes, Entry]] = {}
        self._before: Sequence[Entry] = []
        self._count = 0
        self._faults: list[Fault] = []
        self.versions: dict[str, list[bytes]] = {}
        self.reads: list[tuple[str, int, int]] = []
        self.refusal: SourceMissing | SourceDenied | SourceUnavailable | None = None
        self.closed = False
        self.remark: Reason | None = None
        self.meter = Meter()

    @property
    def files(self) -> dict[str, bytes]:
        """What is there now."""
        return {key: content for key, (content, _) in self._files.items()}

    def write(self, key: str, content: bytes) -> None:
        """Make or overwrite a file, as an object store does: at once, with another tag."""
        self._before = self._entries()
        self._count += 1
        modified = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self._count)
        entry = Entry(key=key, size=len(content), modified=modified, tag=f"v{self._count}")
        self._files[key] = (content, entry)
        self.versions.setdefault(key, []).append(content)

    def append(self, key: str, more: bytes) -> None:
        """Overwrite a file with itself and some more."""
        self.write(key, self._files[key][0] + more if key in self._files else more)

    def remove(self, key: str) -> None:
        """Remove a file; it may be absent."""
        self._before = self._entries()
        self._files.pop(key, None)

    def fail_next(self, faults: Iterable[Fault]) -> None:
        """Faults for the requests to come, one each."""
        self._faults = list(faults)

    async def probe(self) -> None:
        self._begin()

    async def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        fault = self._begin()
        entries = self._before if fault is Fault.STALE else self._entries()
        for start in range(0, len(entries), self._page):
            self.meter.count(requests=1 if start else 0)
            await asyncio.sleep(0)
            yield entries[start : start + self._page]
            if fault is Fault.CUT:
                raise _cut()

    async def glance(self, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
        if len(self._files) <= self._page:
            return
        with suppress(SourceError):
            entries = self._before if self._begin() is Fault.STALE else self._entries()
            yield [entry for entry in entries if entry.key.count("/") <= 1]

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        self.reads.append((key, start, end))
        fault = self._begin()
        if key not in self._files:
            raise SourceMissing(ReasonCode.NO_SUCH_PATH, f"{key!r} does not exist any more.")
        wanted = self._files[key][0][start:end]
        if fault is Fault.CUT:
            wanted = wanted[: len(wanted) // 2]
        for offset in range(0, len(wanted), self.chunk_bytes):
            await asyncio.sleep(0)
            chunk = wanted[offset : offset + self.chunk_bytes]
            self.meter.count(size=len(chunk))
            yield chunk
        if fault is Fault.CUT:
            raise _cut()

    async def pour(self, key: str, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        async with aclosing(self.read(key, start, end)) as chunks, aclosing(poured(chunks, write)) as counts:
            async for count in counts:
                yield count

    async def close(self) -> None:
        self.closed = True

    def _begin(self) -> Fault:
        self.meter.count(requests=1)
        if self.refusal is not None:
            raise self.refusal
        fault = self._faults.pop(0) if self._faults else Fault.NONE
        if fault is Fault.UNAVAILABLE:
            raise SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, "The source can't be reached.")
        return fault

    def _entries(self) -> Sequence[Entry]:
        return [entry for _, entry in self._files.values()]


def _cut() -> SourceUnavailable:
    return SourceUnavailable(ReasonCode.SOURCE_ERROR, "The source broke off its answer.")
