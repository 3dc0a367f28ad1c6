"""A prefix in an object store as a log source.

Stores differ. A range may come with status 200, cut right or not at all; one that reaches past the end may be 416 or
400; no condition can be relied on. So a range is judged by what came, and versions are told apart by comparing ETags.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final

import msgspec

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import Chunk, Entry, Meter, SourceChanged, SourceError, SourceUnavailable, Write
from belvedere.sources.listings import Page, parse_page
from belvedere.sources.location import ObjectLocation
from belvedere.sources.object_client import ObjectClient
from belvedere.sources.object_errors import not_a_store
from belvedere.sources.pouring import poured
from belvedere.sources.shallow import shallow
from belvedere.sources.stores import ObjectStore
from belvedere.sources.wire import Answer

PART: Final = 2**22  # bytes of a long range that one request asks for
_STRETCH = 2**26  # bytes that are poured before it is looked again how many files share the line
_SHARED = 3  # files on their way at once: with so many none needs more than one connection
_AHEAD = 4  # parts of one range on their way or waiting for their turn
_BUDGET = 8  # such parts of all ranges: what bounds the memory
_TELL_SECONDS = 0.5  # what has come of a part is handed on so often
PAGE: Final = 1000  # keys: the most that a store gives at once
_LONGEST_PAGE = 2**24  # bytes; a thousand keys of full length, escaped, take a third of it
_OK = frozenset({200})
_PAST_THE_END = 416
_NO_SUCH_RANGE = 400  # what some answer to a range that reaches past the end: they are asked for the whole
_RANGES = frozenset({200, 206, _NO_SUCH_RANGE, _PAST_THE_END})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class ObjectSource:
    """Reads one prefix. Long ranges are fetched in parts, several at a time, and handed on in order."""

    def __init__(self, location: ObjectLocation, store: ObjectStore, first_page: int = PAGE) -> None:
        """Makes no request. Raises SourceMissing when the store's settings can't be used.

        `first_page`: keys that a listing begins with; few come sooner.
        """
        self._first_page = first_page
        self._prefix = location.prefix
        self._store = store
        self._client = ObjectClient(location, store)
        self._budget = asyncio.Semaphore(_BUDGET)
        self.remark: Reason | None = None
        self._spare: list[bytearray] = []  # parts' buffers, used again: fresh memory costs more than the bytes in it
        self._busy = 0
        self._is_long = False  # the last listing has more than one page
        self._pouring = 0  # files

    @property
    def meter(self) -> Meter:
        return self._client.meter

    @meter.setter
    def meter(self, meter: Meter) -> None:
        self._client.meter = meter

    async def probe(self) -> None:
        await self.page({"max-keys": "1"})

    def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        return self.below(self._prefix)

    async def below(self, prefix: str) -> AsyncGenerator[Sequence[Entry], None]:
        """All files below another prefix than ours; their keys are relative to ours all the same.

        From the second page on the next one is on its way while somebody looks at one. Many want the first one alone.
        """
        asked = {"prefix": prefix, "max-keys": str(PAGE)}
        page, pages = await self.page({**asked, "max-keys": str(self._first_page)}), 1
        ahead: asyncio.Task[Page] | None = None
        try:
            self._is_long = bool(page.next_token)
            while True:
                token = page.next_token
                if token and pages > 1:
                    ahead = asyncio.create_task(self.page({**asked, "continuation-token": token}))
                yield [_relative(entry, self._prefix) for entry in page.entries if entry.key.startswith(prefix)]
                if not token:
                    return
                page = await (ahead or self.page({**asked, "continuation-token": token}))
                ahead, pages = None, pages + 1
                if page.next_token == token:
                    raise not_a_store(self._store)  # it would go on for ever
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def glance(self, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
        if not self._is_long:
            return
        async with aclosing(shallow(self.page, self._prefix, is_log)) as pages:
            async for entries in pages:
                yield [_relative(entry, self._prefix) for entry in entries if entry.key.startswith(self._prefix)]

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[Chunk, None]:
        if end - start <= PART:
            return self._stream(key, start, end, _Version())
        return self._in_parts(key, start, end, _Version())

    def pour(self, key: str, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        if end - start <= PART:
            return self._drained(key, start, end, _Version(), write)
        return self._in_stretches(key, start, end, write)

    async def _in_stretches(self, key: str, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        version = _Version()
        self._pouring += 1
        try:
            await asyncio.sleep(0)  # who begins at the same time is counted then
            for at in range(start, end, _STRETCH):
                stretch, came = min(end - at, _STRETCH), 0
                async with aclosing(self._stretch(key, at, at + stretch, version, write)) as counts:
                    async for count in counts:
                        came += count
                        yield count
                if came < stretch:
                    return
        finally:
            self._pouring -= 1

    def _stretch(self, key: str, start: int, end: int, version: "_Version", write: Write) -> AsyncGenerator[int, None]:
        if end - start > PART and (self._client.is_encrypted or self._pouring < _SHARED):
            return self._poured_in_parts(key, start, end, version, write)
        return self._drained(key, start, end, version, write)

    async def _poured_in_parts(
        self, key: str, start: int, end: int, version: "_Version", write: Write
    ) -> AsyncGenerator[int, None]:
        """Over several connections, as one may be slow."""
        parts = self._in_parts(key, start, end, version)
        async with aclosing(parts) as chunks, aclosing(poured(chunks, write)) as counts:
            async for count in counts:
                yield count

    async def _drained(
        self, key: str, start: int, end: int, version: "_Version", write: Write
    ) -> AsyncGenerator[int, None]:
        if start >= end:
            return
        async with self._answer(key, start, end, version) as (answer, span):
            if span.skip:
                async with aclosing(self._cut(answer, span)) as chunks, aclosing(poured(chunks, write)) as counts:
                    async for count in counts:
                        yield count
                return
            left = span.size
            while left and (count := await answer.drain(write, left)):
                self.meter.count(size=count)
                left -= count
                yield count
            self._whole(left)

    def _in_parts(self, key: str, start: int, end: int, version: "_Version") -> AsyncGenerator[Chunk, None]:
        return self._in_order(key, [(at, min(at + PART, end)) for at in range(start, end, PART)], version)

    async def close(self) -> None:
        await self._client.close()

    async def _in_order(
        self, key: str, parts: Iterable[tuple[int, int]], version: "_Version"
    ) -> AsyncGenerator[Chunk, None]:
        """The parts up to the first short one. Who has none on its way waits for the budget; all others only use it."""
        ahead: deque[_Part] = deque()
        todo = deque(parts)
        try:
            while todo or ahead:
                while todo and len(ahead) < _AHEAD and not (ahead and self._budget.locked()):
                    await self._budget.acquire()
                    start, end = todo.popleft()
                    part = self._part(end - start)
                    part.task = asyncio.create_task(self._fetch(key, start, end, version, part))
                    ahead.append(part)
                part = ahead[0]
                async for chunk in part.chunks():
                    yield chunk
                if part.error is not None:
                    raise part.error
                self._give_back(ahead.popleft())
                if part.filled < part.size:
                    return
        finally:
            for part in ahead:
                part.task.cancel()
            await asyncio.gather(*(part.task for part in ahead), return_exceptions=True)
            while ahead:
                self._give_back(ahead.popleft())
            if not self._busy:
                self._spare.clear()  # an open mirror that rests holds no memory

    async def _fetch(self, key: str, start: int, end: int, version: "_Version", part: "_Part") -> None:
        """What came stays, also when the transfer was cut: a line that breaks each time gets there all the same."""
        try:
            async with self._answer(key, start, end, version) as (answer, span):
                if span.skip:
                    async for chunk in self._cut(answer, span):
                        part.add(chunk)
                    return
                while part.filled < span.size and (count := await answer.fill(part.room[part.filled : span.size])):
                    self.meter.count(size=count)
                    part.filled += count
                self._whole(span.size - part.filled)
        except SourceError as error:
            part.error = error

    def _part(self, size: int) -> "_Part":
        self._busy += 1
        return _Part(self._spare.pop() if self._spare else bytearray(PART), size)

    def _give_back(self, part: "_Part") -> None:
        self._busy -= 1
        self._spare.append(part.buffer)
        self._budget.release()

    async def _stream(self, key: str, start: int, end: int, version: "_Version") -> AsyncGenerator[Chunk, None]:
        if start >= end:
            return
        async with self._answer(key, start, end, version) as (answer, span):
            async for chunk in self._cut(answer, span):
                yield chunk

    async def _cut(self, answer: Answer, span: "_Span") -> AsyncGenerator[bytes, None]:
        """The wanted bytes of a body."""
        skip, left = span.skip, span.size
        while left and (piece := await answer.piece()):
            chunk = piece[skip : skip + left] if skip or len(piece) > left else piece
            skip -= min(skip, len(piece))
            left -= len(chunk)
            if chunk:
                self.meter.count(size=len(chunk))
                yield chunk
        self._whole(left)

    @asynccontextmanager
    async def _answer(
        self, key: str, start: int, end: int, version: "_Version"
    ) -> AsyncIterator[tuple[Answer, "_Span"]]:
        """The answer to a range, and where in its body the range lies."""
        path = self._prefix + key
        async with self._client.ask(path, {}, {"Range": f"bytes={start}-{end - 1}"}, accept=_RANGES) as answer:
            if answer.status != _NO_SUCH_RANGE:
                yield answer, self._found(answer, start, end, version)
                return
        async with self._client.ask(path, {}, {}, accept=_OK) as answer:
            yield answer, self._found(answer, start, end, version)

    def _found(self, answer: Answer, start: int, end: int, version: "_Version") -> "_Span":
        if answer.status == _PAST_THE_END:
            return _Span(skip=0, size=0)
        version.check(answer)
        span = _span(answer, start, end)
        if span is None:
            raise SourceUnavailable(ReasonCode.SOURCE_ERROR, f"{self._named()} sent another range. Retrying.")
        return span

    def _whole(self, left: int) -> None:
        if left:
            raise SourceUnavailable(ReasonCode.SOURCE_ERROR, f"{self._named()} sent less than it said. Retrying.")

    async def page(self, asked: Mapping[str, str]) -> Page:
        """One page of a listing, of our prefix unless `asked` has another. Raises SourceError."""
        query = {"list-type": "2", "prefix": self._prefix, **asked}
        with suppress(ValueError):
            return parse_page(await self._document(query))
        try:  # a key with characters that XML can't hold; asked for always, escapes would differ from store to store
            return parse_page(await self._document({**query, "encoding-type": "url"}))
        except ValueError as error:
            raise not_a_store(self._store) from error

    async def _document(self, query: Mapping[str, str]) -> bytes:
        async with self._client.ask("", query, {}, accept=_OK) as answer:
            document = bytearray()
            while piece := await answer.piece():
                document += piece
                if len(document) > _LONGEST_PAGE:
                    raise not_a_store(self._store)
            return bytes(document)

    def _named(self) -> str:
        return f"The object store {self._store.name!r}"


class _Part:
    """A part of a long range on its way into a buffer, and what broke it off."""

    task: asyncio.Task[None]

    def __init__(self, buffer: bytearray, size: int) -> None:
        self.buffer = buffer
        self.room = memoryview(buffer)
        self.size = size
        self.filled = 0
        self.error: SourceError | None = None

    def add(self, chunk: bytes) -> None:
        """Some more bytes."""
        self.room[self.filled : self.filled + len(chunk)] = chunk
        self.filled += len(chunk)

    async def chunks(self) -> AsyncGenerator[memoryview, None]:
        """What comes, as it comes. Each is void once the next is asked for: its room is used again."""
        taken = 0
        while True:
            done, _ = await asyncio.wait({self.task}, timeout=_TELL_SECONDS)
            with self.room[taken : self.filled] as fresh:
                taken += len(fresh)
                if fresh:
                    yield fresh
            if done and taken == self.filled:
                return


class _Version:
    """The ETag that all answers about one range have to share."""

    def __init__(self) -> None:
        self._tag: str | None = None

    def check(self, answer: Answer) -> None:
        tag = answer.headers.get("etag", "")
        if self._tag is None:
            self._tag = tag
        if tag != self._tag:
            raise SourceChanged(ReasonCode.SOURCE_ERROR, "An object became another one while it was read. Retrying.")


class _Span(msgspec.Struct, frozen=True, kw_only=True):
    """Of a body: `skip` bytes that nobody asked for, then `size` that are wanted, then perhaps others."""

    skip: int
    size: int


def _span(answer: Answer, start: int, end: int) -> _Span | None:
    """Where the wanted bytes lie in the body; None if they don't."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if found:
        first, last = int(found[1]), int(found[2])
        total = int(found[3]) if found[3] != "*" else last + 1
        return _Span(skip=0, size=min(end, total) - start) if (first, last) == (start, min(end, total) - 1) else None
    size = answer.length
    if answer.status != 200 or size is None:
        return None
    return _Span(skip=min(start, size), size=max(0, min(end, size) - start))


def _relative(entry: Entry, prefix: str) -> Entry:
    return msgspec.structs.replace(entry, key=entry.key.removeprefix(prefix))
