"""What a mirror tells of itself: one value, and those who wait for the next one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason
from belvedere.host.mirror_pass import Result
from belvedere.host.mirror_tally import Speed, Tally
from belvedere.host.mirroring import MirrorState
from belvedere.sources.base import Meter

_TELL_SECONDS: Final = 0.1  # bytes are told at most so often; a first log and a rewrite at once


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """After how many failures in a row the next look comes, and in how many seconds; None: no more.

    `patience`: seconds after which the source is given up, unless it answers before; None: never.
    """

    failures: int
    delay: float | None
    patience: float | None = None


class Notice:
    """The state of one mirror. Only its loop writes."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._changed = asyncio.Event()
        self._told_at = 0.0
        self._rewrites = 0  # of the passes before this one
        self._speed = Speed()
        self._state = MirrorState(progress=SourceProgress(state="listing"))
        self._uncounted: Tally | None = None  # has counted more than the state says

    @property
    def state(self) -> MirrorState:
        """As of now."""
        if self._uncounted is not None:
            self._state = self._with(self._uncounted)
            self._uncounted = None
        return self._state

    async def differs_from(self, state: MirrorState) -> MirrorState:
        """The state, as soon as it is another than this one."""
        while self.state == state:
            await self._changed.wait()
        return self.state

    def begin_anew(self) -> None:
        """Somebody holds the mirror again: an old failure counts no more."""
        progress = replace(
            self.state.progress, state="listing", reason=None, failures=0, next_look_at=None, gives_up_at=None
        )
        self._tell(replace(self.state, failure=None, note=None, progress=progress))

    def begin_pass(self) -> Tally:
        """The tally of the pass that begins; what it counts is told."""
        self._rewrites = self.state.rewrites
        self._speed = Speed()
        tally = Tally(lambda: self._counted(tally))
        return tally

    def sighted(self) -> None:
        """The logs of a first look are there, and the listing goes on."""
        progress = replace(self.state.progress, state="listing", rate=None, seconds_left=None)
        self._tell(replace(self.state, sighted=True, progress=progress))

    def end_pass(self, result: Result, outlook: Outlook) -> None:
        """The source was listed, and what could be done was done."""
        now = datetime.now(UTC)
        progress = replace(
            self._looking_ahead(outlook, now),
            state="waiting" if result.fault else "current",
            checked_at=_milliseconds(now),
            changed_at=_milliseconds(result.newest) if result.newest else None,
            reason=result.fault,
        )
        complete = self.state.complete or result.finished
        note = result.fault or result.note
        self._tell(replace(self.state, progress=progress, has_logs=result.has_logs, complete=complete, note=note))

    def fault(self, reason: Reason, outlook: Outlook) -> None:
        """A pass could not be made. Without a next look the mirror has failed."""
        final = outlook.delay is None
        ahead = self._looking_ahead(outlook, datetime.now(UTC))
        told = replace(self.state, progress=replace(ahead, state="failed" if final else "waiting", reason=reason))
        self._tell(replace(told, failure=reason) if final else replace(told, note=reason))

    def rest(self) -> None:
        """Nobody watches: the next look comes with the next one who does."""
        self._tell(replace(self.state, progress=replace(self.state.progress, next_look_at=None)))

    def _looking_ahead(self, outlook: Outlook, now: datetime) -> SourceProgress:
        return replace(
            self.state.progress,
            requests=self._meter.requests,
            bytes_fetched=self._meter.bytes,
            rate=None,
            seconds_left=None,
            next_look_at=_in(outlook.delay, now),
            failures=outlook.failures,
            gives_up_at=_in(outlook.patience, now),
        )

    def _counted(self, tally: Tally) -> None:
        now = self._state
        urgent = (now.has_logs or tally.has_logs, self._rewrites + tally.rewrites) != (now.has_logs, now.rewrites)
        if urgent or asyncio.get_running_loop().time() - self._told_at >= _TELL_SECONDS:
            self._uncounted = None
            self._tell(self._with(tally))
        else:
            self._uncounted = tally  # whoever looks sees it; whoever waits is woken by the next

    def _with(self, tally: Tally) -> MirrorState:
        return replace(
            self._state,
            progress=self._progress(tally),
            has_logs=self._state.has_logs or tally.has_logs,
            rewrites=self._rewrites + tally.rewrites,
        )

    def _progress(self, tally: Tally) -> SourceProgress:
        rate = self._speed.note(asyncio.get_running_loop().time(), tally.bytes_done)
        return replace(
            self._state.progress,
            state=self._word(tally),
            files_done=tally.files_done,
            files_total=tally.files_total,
            bytes_done=tally.bytes_done,
            bytes_total=tally.bytes_total,
            requests=self._meter.requests,
            bytes_fetched=self._meter.bytes,
            rate=rate,
            seconds_left=(tally.bytes_total - tally.bytes_done) // rate if rate else None,
            next_look_at=None,
        )

    def _word(self, tally: Tally) -> str:
        """A first copy is told as such; later passes of an up-to-date mirror are not news."""
        done = self._state.complete or tally.files_done == tally.files_total
        return self._state.progress.state if done else "copying"

    def _tell(self, state: MirrorState) -> None:
        if state == self._state:
            return
        self._state = state
        self._told_at = asyncio.get_running_loop().time()
        self._changed.set()
        self._changed = asyncio.Event()


def _in(seconds: float | None, now: datetime) -> int | None:
    return None if seconds is None else _milliseconds(now + timedelta(seconds=seconds))


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
