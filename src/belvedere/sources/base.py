"""The seam to a log source, and what it may raise.

SourceError                 with a Reason: what is wrong, and what to do
├── SourceMissing           no such bucket, no such path
├── SourceDenied            forbidden, or wrong keys
└── SourceUnavailable       transient: unreachable, throttled, cut; try again
    └── SourceChanged       the file became another one while it was read
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from belvedere.contract.reasons import Reason, ReasonCode


class SourceError(Exception):
    """Root: a log source could not do what was asked."""

    transient: ClassVar[bool] = False
    retry_after: float = 0.0  # seconds that the source asks us to leave it alone; 0 if it doesn't say

    def __init__(self, code: ReasonCode, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code=code, text=text)


class SourceMissing(SourceError):
    """The bucket or the path does not exist."""


class SourceDenied(SourceError):
    """The source refuses us."""


class SourceUnavailable(SourceError):
    """It may work later."""

    transient = True

    def __init__(self, code: ReasonCode, text: str, *, retry_after: float = 0.0) -> None:
        super().__init__(code, text)
        self.retry_after = retry_after


class SourceChanged(SourceUnavailable):
    """The file became another one between two requests for it."""


class Meter:
    """Requests and bytes, since it was made. What is counted here is counted in `into` too."""

    def __init__(self, into: "Meter | None" = None) -> None:
        self.requests = 0
        self.bytes = 0
        self._into = into

    def count(self, *, requests: int = 0, size: int = 0) -> None:
        """So many more."""
        self.requests += requests
        self.bytes += size
        if self._into is not None:
            self._into.count(requests=requests, size=size)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a source. `key` is relative to the location, with ``/`` between its parts.

    `tag` changes when the content does (an ETag; for a local file its inode), or is "" where nothing is known.
    """

    key: str
    size: int  # bytes
    modified: datetime
    tag: str = ""


Chunk = bytes | memoryview
Write = Callable[[Chunk], None]


async def no_glance() -> AsyncGenerator[Sequence[Entry], None]:
    """What `LogSource.glance` yields where nothing can be found sooner than by the listing."""
    pages: Sequence[Sequence[Entry]] = ()
    for page in pages:
        yield page


class LogSource(Protocol):
    """One location, to be listed and read. Safe to use from several tasks of one event loop.

    `meter`: where it counts what it asks of others; whoever opened it may put in one of their own.
    `remark`: what is to be told of the last listing beside its entries.
    """

    meter: Meter
    remark: Reason | None

    async def probe(self) -> None:
        """Return when the location exists and may be read; raise SourceError otherwise. One or two requests."""
        ...

    def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        """All files below the location, in pages, in no particular order. Raises SourceError."""
        ...

    def glance(self, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
        """Some files that a listing whose first page has come would name late, those near logs above all. Bounded.

        Nothing where no more pages follow, or where it would be no sooner. A fault of the source ends it mutely.
        """
        ...

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[Chunk, None]:
        """Bytes `start` to `end` (exclusive) of a file, in order, in chunks of at most some MiB.

        A chunk is void once the next is asked for: it may be a view into room that is used again.

        All of them are of one version of the file. Yields fewer bytes if the file is shorter, never if the transfer is
        cut: that raises SourceUnavailable. Raises SourceError.
        """
        ...

    def pour(self, key: str, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        """As `read`, but each chunk is given to `write`, in a thread and in order. Yields how many bytes that were.

        What `write` raises ends it and must be no OSError, which would count as the source's own. Cancelled, it waits
        for a `write` that runs.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
