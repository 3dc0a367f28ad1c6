"""What a mirror tells of itself: one value, and those who wait for the next one."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason
from belvedere.host.mirror_pass import Result
from belvedere.host.mirror_tally import Meter, Tally
from belvedere.host.mirroring import MirrorState

_TELL_SECONDS: Final = 0.1  # bytes are told at most so often; a first log and a rewrite at once


class Notice:
    """The state of one mirror. Only its loop writes."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._changed = asyncio.Event()
        self._told_at = 0.0
        self._rewrites = 0  # of the passes before this one
        self.state = MirrorState(progress=SourceProgress(state="listing"))

    async def differs_from(self, state: MirrorState) -> MirrorState:
        """The state, as soon as it is another than this one."""
        while self.state == state:
            await self._changed.wait()
        return self.state

    def begin_anew(self) -> None:
        """Somebody holds the mirror again: an old failure counts no more."""
        progress = replace(self.state.progress, state="listing", reason=None)
        self._tell(replace(self.state, failure=None, note=None, progress=progress))

    def begin_pass(self) -> Tally:
        """The tally of the pass that begins; what it counts is told."""
        self._rewrites = self.state.rewrites
        tally = Tally(lambda: self._counted(tally))
        return tally

    def end_pass(self, result: Result, now: datetime) -> None:
        """The source was listed, and what could be done was done."""
        progress = replace(
            self.state.progress,
            state="waiting" if result.fault else "current",
            requests=self._meter.requests,
            checked_at=_milliseconds(now),
            changed_at=_milliseconds(result.newest) if result.newest else None,
            reason=result.fault,
        )
        complete = self.state.complete or result.finished
        note = result.fault or result.note
        self._tell(replace(self.state, progress=progress, has_logs=result.has_logs, complete=complete, note=note))

    def fault(self, reason: Reason, *, final: bool) -> None:
        """A pass could not be made. `final`: no more will be tried."""
        progress = replace(
            self.state.progress,
            state="failed" if final else "waiting",
            requests=self._meter.requests,
            reason=reason,
        )
        told = replace(self.state, progress=progress)
        self._tell(replace(told, failure=reason) if final else replace(told, note=reason))

    def _counted(self, tally: Tally) -> None:
        progress = replace(
            self.state.progress,
            state=self._word(tally),
            files_done=tally.files_done,
            files_total=tally.files_total,
            bytes_done=tally.bytes_done,
            bytes_total=tally.bytes_total,
            requests=self._meter.requests,
        )
        has_logs = self.state.has_logs or tally.has_logs
        fresh = replace(self.state, progress=progress, has_logs=has_logs, rewrites=self._rewrites + tally.rewrites)
        urgent = (fresh.has_logs, fresh.rewrites) != (self.state.has_logs, self.state.rewrites)
        if urgent or asyncio.get_running_loop().time() - self._told_at >= _TELL_SECONDS:
            self._tell(fresh)
        else:
            self.state = fresh  # whoever looks sees it; whoever waits is woken by the next

    def _word(self, tally: Tally) -> str:
        """A first copy is told as such; later passes of an up-to-date mirror are not news."""
        done = self.state.complete or tally.files_done == tally.files_total
        return self.state.progress.state if done else "copying"

    def _tell(self, state: MirrorState) -> None:
        if state == self.state:
            return
        self.state = state
        self._told_at = asyncio.get_running_loop().time()
        self._changed.set()
        self._changed = asyncio.Event()


def utc_now() -> datetime:
    """As the clock of this machine says."""
    return datetime.now(UTC)


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
