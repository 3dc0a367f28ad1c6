"""Carrying out a plan on an object store: bytes from a source into a mirror's files.

How an appended object is told from a rewritten one: its ETag changes in both cases, so we compare bytes. The last
16 KiB that we have are read again in the same request that brings the new bytes, so that both are of one version. Each
record of a log carries its time and checksums, so that a log that was written anew differs there; any other file has
its first 4 KiB compared too.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Final, assert_never

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirror_files import MirrorFiles
from belvedere.host.mirror_growth import Differs, Growth, NotWritten
from belvedere.host.mirror_plan import Action, Append, Fetch, Held, Remove, Replace, version_of
from belvedere.host.mirror_quota import Share
from belvedere.host.mirror_safety import GUARDED_BYTES, is_guarded, stays_inside
from belvedere.host.mirror_tally import Tally
from belvedere.sources.base import Entry, LogSource, SourceChanged, SourceError
from belvedere.sources.pouring import in_thread

TAIL: Final = 2**14  # bytes
HEAD: Final = 2**12  # bytes
PARALLEL: Final = 16  # files at a time; each holds one chunk of some MiB, so memory stays bounded
_FAILURES = 8  # after so many in one pass the source is taken to be down


class Copying:
    """One run through a plan. `held` is brought up to date as files become whole.

    Afterwards `failures` and `disk_error` say what didn't work; whatever was written is valid in any case.
    """

    def __init__(
        self,
        source: LogSource,
        files: MirrorFiles,
        held: dict[str, Held],
        tally: Tally,
        is_log: Callable[[str], bool],
        share: Share | None = None,
    ) -> None:
        """`share`: of the project's allowance on disk; None where nothing counts."""
        self._source = source
        self._is_log = is_log
        self._files = files
        self._held = held
        self._tally = tally
        self.failures: list[SourceError] = []
        self.disk_error: OSError | None = None
        self.over_quota: Reason | None = None
        self._share = share

    @property
    def stopped(self) -> bool:
        """Whether going on made no sense."""
        return self.over_quota is not None or self.disk_error is not None or len(self.failures) >= _FAILURES

    async def run(self, actions: Iterable[Action]) -> None:
        """Do all of it, some files at a time, in the given order."""
        todo = iter(actions)
        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL):
                group.create_task(self._work(todo))

    async def _work(self, todo: Iterator[Action]) -> None:
        for action in todo:
            if self.stopped or not self._has_room_for(action):
                return
            try:
                await self._perform(action)
            except SourceError as error:
                if not _is_overtaken(error):
                    self.failures.append(error)
            except OSError as error:  # ours: a source's own are SourceErrors
                self.disk_error = error
            else:
                if not isinstance(action, Remove):
                    self._tally.finished(log=self._is_log(action.entry.key))

    def _has_room_for(self, action: Action) -> bool:
        if self._share is None or self._share.claim(_growth_of(action)):
            return True
        self.over_quota = self._share.reason()
        return False

    async def _perform(self, action: Action) -> None:
        match action:
            case Remove(key=key):
                if await in_thread(partial(self._files.remove, key)):
                    self._tally.rewrote()
                self._held.pop(key, None)  # the manifest may keep it: what isn't on disk doesn't count
            case Fetch(entry=entry) | Replace(entry=entry) if is_guarded(entry.key):
                await self.guarded(entry)
            case Fetch(entry=entry):
                await self._append(entry, 0)
            case Append(entry=entry, have=have):
                await self._append(entry, have)
            case Replace(entry=entry):
                await self._replace(entry)
            case _:
                assert_never(action)

    async def _append(self, entry: Entry, have: int) -> None:
        if not await self._head_is_same(entry, have) or not await self._goes_on(entry, have):
            self._tally.moved(-have)
            await self._replace(entry)

    async def _goes_on(self, entry: Entry, have: int) -> bool:
        """Append what follows the bytes that we have, if they are still the object's."""
        overlap = min(have, TAIL)
        growth = self._files.growth(entry.key, have=have, overlap=overlap, whole=_made(entry, entry.size))
        try:
            await self._pour(entry, have - overlap, growth)
        except Differs:
            return False
        if growth.goes_on:
            self._held[entry.key] = _made(entry, growth.size)
        return growth.goes_on

    async def _pour(self, entry: Entry, start: int, growth: Growth) -> None:
        """Let a file grow by what the object has from `start` on. Raises Differs, OSError and SourceError."""
        told = growth.size
        try:
            if not entry.size:  # an empty file is made for an empty object only
                await in_thread(growth.create)
            async with aclosing(self._source.pour(entry.key, start, entry.size, growth.write)) as counts:
                async for _ in counts:
                    told = self._moved(growth.size, told)
        except NotWritten as error:
            raise error.error from error
        finally:
            self._moved(growth.size, told)
            if growth.is_open:
                await in_thread(growth.close)

    def _moved(self, size: int, told: int) -> int:
        if size != told:
            self._tally.moved(size - told)
        return size

    async def _head_is_same(self, entry: Entry, have: int) -> bool:
        if have <= TAIL or self._is_log(entry.key):
            return True
        ours = await in_thread(partial(self._files.piece, entry.key, 0, HEAD))
        async with aclosing(self._source.read(entry.key, 0, HEAD)) as chunks:
            return ours == b"".join([bytes(chunk) async for chunk in chunks])

    async def _replace(self, entry: Entry) -> None:
        incoming = self._files.new_incoming()
        growth = Growth(incoming, have=0, overlap=0, until=entry.size, finished=_nothing)
        try:
            await self._pour(entry, 0, growth)
            await self._accept(incoming, entry.key)
        finally:
            with suppress(OSError):
                incoming.unlink(missing_ok=True)
        await self._record(entry, growth.size)

    async def _accept(self, incoming: Path, key: str) -> None:
        if await in_thread(partial(self._files.accept, incoming, key)):
            self._tally.rewrote()

    async def guarded(self, entry: Entry) -> None:
        """A file that may name others: it goes in whole and only if it is safe."""
        content = bytearray()
        async with aclosing(self._source.read(entry.key, 0, min(entry.size, GUARDED_BYTES + 1))) as chunks:
            async for chunk in chunks:
                content += chunk
        if not stays_inside(bytes(content)):
            if await in_thread(partial(self._files.remove, entry.key)):
                self._tally.rewrote()
            self._held[entry.key] = Held(size=entry.size, version=version_of(entry), refused=True)
            return
        incoming = self._files.new_incoming()
        await in_thread(partial(incoming.write_bytes, content))
        await self._accept(incoming, entry.key)
        self._tally.moved(len(content))
        await self._record(entry, len(content))

    async def _record(self, entry: Entry, size: int) -> None:
        self._held[entry.key] = _made(entry, size)
        await in_thread(partial(self._files.note, entry.key, self._held[entry.key]))


def _growth_of(action: Action) -> int:
    """Bytes on disk that it takes, as far as the listing tells. What is replaced goes once the new one is whole."""
    match action:
        case Append(entry=entry, have=have):
            return max(entry.size - have, 0)
        case Fetch(entry=entry) | Replace(entry=entry):
            return entry.size
        case Remove():
            return 0
        case _:
            assert_never(action)


def _made(entry: Entry, size: int) -> Held:
    """A file of so many bytes; of a known version only if these are all."""
    return Held(size=size, version=version_of(entry) if size == entry.size else "")


def _is_overtaken(error: SourceError) -> bool:
    """Whether the file has gone or changed since it was listed: no fault, and the next pass takes it as it is then."""
    return isinstance(error, SourceChanged) or error.reason.code is ReasonCode.NO_SUCH_PATH


def _nothing() -> None:
    """A file that isn't shown yet is noted when it is."""
