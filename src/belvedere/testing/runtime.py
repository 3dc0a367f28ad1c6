"""A Runtime in memory whose faults can be scripted."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.protocol import HostMetrics, ViewerSpec
from belvedere.lifecycle.clock import Clock, utc_now
from belvedere.lifecycle.seen import ABSENT, Endpoint, Phase, Seen
from belvedere.sources.stores import ObjectStore

UNREACHABLE = Reason(code=ReasonCode.RUNTIME_UNREACHABLE, text="The scripted runtime is unreachable.")


class FakeRuntime:
    """Viewers that are words. Each starts when it is ensured and, unless `hold` is set, is ready at the next look.

    Script it: `hold` keeps viewers starting and endings pending; `break_down` makes it unreachable and `mend` ends
    that; `put` makes a viewer look as you like; `lose` makes one vanish, `lose_all` the engine with all of them.
    """

    def __init__(self, *, clock: Clock = utc_now, hold: bool = False) -> None:
        self.hold = hold
        self.specs: dict[int, ViewerSpec] = {}
        self.calls: list[tuple[str, int]] = []  # ("ensure" or "remove", job id), in order
        self.uses: list[int] = []  # job ids, in order
        self.stores: list[ObjectStore] = []  # as last told
        self.closed_with: bool | None = None  # `end_viewers` of `close`
        self._clock = clock
        self._viewers: dict[int, Seen] = {}
        self._logs: dict[int, list[str]] = {}
        self._broken = False
        self._starts = 0
        self._queues: set[asyncio.Queue[int | None]] = set()

    def break_down(self) -> None:
        """Nothing can be asked from now on."""
        self._broken = True

    def mend(self) -> None:
        """It can be asked again."""
        self._broken = False

    def put(self, job_id: int, seen: Seen) -> None:
        """The viewer looks like this from now on."""
        self._viewers[job_id] = seen
        self._tell(job_id)

    def lose(self, job_id: int) -> None:
        """The viewer vanishes."""
        self._viewers.pop(job_id, None)
        self._tell(job_id)

    def lose_all(self) -> None:
        """The engine ends with all viewers, and is there again."""
        self._viewers.clear()
        self._tell(None)

    def say(self, job_id: int, line: str) -> None:
        """The viewer logs a line."""
        self._logs.setdefault(job_id, []).append(line)

    async def ensure(self, spec: ViewerSpec) -> Seen:
        if self._broken:
            return self._unknown()
        self.calls.append(("ensure", spec.job_id))
        present = self._viewers.get(spec.job_id)
        if present is None or (present.attempt or 0) < spec.attempt:
            self.specs[spec.job_id] = spec
            asleep = Seen(phase=Phase.ASLEEP, attempt=spec.attempt, revision=spec.revision)
            self.put(spec.job_id, asleep if spec.asleep else self._started(spec.job_id, asleep))
        elif present.attempt == spec.attempt and present.revision is not None and present.revision < spec.revision:
            self.specs[spec.job_id] = spec
            self.put(spec.job_id, replace(present, revision=spec.revision))
        return self._viewers[spec.job_id]

    async def use(self, job_ids: Collection[int]) -> None:
        if self._broken:
            return
        self.uses += job_ids
        for job_id in job_ids:
            present = self._viewers.get(job_id)
            if present is not None and present.phase is Phase.ASLEEP:
                self.put(job_id, self._started(job_id, present))

    async def look(self, job_ids: Collection[int]) -> Mapping[int, Seen]:
        if self._broken:
            return dict.fromkeys(job_ids, self._unknown())
        everything = self._advanced()
        return {job_id: everything.get(job_id, ABSENT) for job_id in job_ids}

    async def look_at_all(self) -> Mapping[int, Seen] | None:
        return None if self._broken else self._advanced()

    async def remove(self, job_id: int) -> Seen:
        if self._broken:
            return self._unknown()
        self.calls.append(("remove", job_id))
        present = self._viewers.get(job_id)
        if present is None:
            return ABSENT
        self.put(job_id, Seen(phase=Phase.STOPPING, attempt=present.attempt))
        return self._viewers[job_id]

    async def logs(self, job_id: int, tail: int) -> Sequence[str]:
        return [] if self._broken or tail <= 0 else self._logs.get(job_id, [])[-tail:]

    async def set_stores(self, stores: Sequence[ObjectStore]) -> None:
        self.stores = list(stores)

    async def metrics(self) -> HostMetrics | None:
        return None if self._broken else HostMetrics(viewer_starts=self._starts)

    async def changes(self) -> AsyncIterator[Mapping[int, Seen | None] | None]:
        queue: asyncio.Queue[int | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            if self._viewers:
                yield dict.fromkeys(self._viewers)
            while True:
                job_id = await queue.get()
                yield None if job_id is None else {job_id: None}
        finally:
            self._queues.discard(queue)

    async def close(self, *, end_viewers: bool) -> None:
        self.closed_with = end_viewers
        self._broken = True

    def _advanced(self) -> Mapping[int, Seen]:
        if not self.hold:
            self._viewers = {
                job_id: _ready(seen, self._clock())
                for job_id, seen in self._viewers.items()
                if seen.phase is not Phase.STOPPING
            }
        return dict(self._viewers)

    def _started(self, job_id: int, asleep: Seen) -> Seen:
        self._starts += 1
        endpoint = Endpoint(socket=f"/fake/{job_id}-{asleep.attempt}.sock")
        return replace(asleep, phase=Phase.STARTING, endpoint=endpoint, starts=asleep.starts + 1)

    def _unknown(self) -> Seen:
        return Seen(phase=Phase.UNKNOWN, reason=UNREACHABLE)

    def _tell(self, job_id: int | None) -> None:
        for queue in self._queues:
            queue.put_nowait(job_id)


def _ready(seen: Seen, now: datetime) -> Seen:
    return replace(seen, phase=Phase.READY, ready_at=now) if seen.phase is Phase.STARTING else seen
