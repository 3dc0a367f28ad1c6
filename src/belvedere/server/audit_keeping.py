"""What the service does for the audit by itself: writing it to a file too, and forgetting what is older than wanted."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import structlog

from belvedere.contract.errors import Unavailable
from belvedere.identity.acts import AuditStore, TraceQuery
from belvedere.lifecycle.clock import Clock
from belvedere.service.audit import shown

_AT_ONCE: Final = 500  # traces
_PAUSE: Final = 1.0  # seconds between two looks for new traces
_BETWEEN_PRUNINGS: Final = 6 * 3600.0
_AGAIN: Final = 60.0  # seconds after a pruning that the database refused
_log = structlog.get_logger("belvedere.audit")


class AuditFile:
    """Follows the audit into a file, one JSON object a line.

    The file is opened anew for each batch, so it may be renamed or removed at any time. A mark in the database says
    how far it has come: nothing is left out, and after a crash the last lines may be there twice (same `trace_id`).
    """

    def __init__(self, store: AuditStore, path: Path) -> None:
        self._store = store
        self._path = path
        self._is_failing = False

    async def run(self) -> None:
        """Follow until cancelled; what was told by then is written."""
        try:
            while True:
                await self.catch_up()
                await asyncio.sleep(_PAUSE)
        finally:
            await self.catch_up()

    async def catch_up(self) -> None:
        """Write all that is new. What can't be written just now will be later."""
        try:
            while await self._write_some():
                pass
        except (OSError, Unavailable) as error:
            if not self._is_failing:
                _log.error("audit-file-unwritable", file=str(self._path), why=str(error))
            self._is_failing = True
        else:
            self._is_failing = False

    async def _write_some(self) -> int:
        mark = await self._store.file_mark()
        query = TraceQuery(project_id=None, oldest_first=True, marker=mark, limit=_AT_ONCE)
        traces = await self._store.traces(query)
        if traces:
            lines = b"".join(msgspec.json.encode(shown(trace)) + b"\n" for trace in traces)
            await asyncio.to_thread(append, self._path, lines)
            await self._store.set_file_mark(traces[-1].id)
        return len(traces)


def append(path: Path, data: bytes) -> None:
    """Add it at the file's end, on the disk when this returns: wholly, or not at all. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        try:
            written = os.write(file, data)
            if written < len(data):
                raise OSError(f"only {written} of {len(data)} bytes fit")
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


async def prune_now_and_then(store: AuditStore, clock: Clock, days: int) -> None:
    """Forget what is older than so many days, a few times a day, until cancelled."""
    while True:
        pause = _BETWEEN_PRUNINGS
        try:
            gone = await store.prune(clock() - timedelta(days=days), clock())
            if gone:
                _log.info("audit-pruned", traces=gone, days=days)
        except Unavailable:
            pause = _AGAIN
        await asyncio.sleep(pause)
