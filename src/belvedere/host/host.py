"""All viewers of one host, by job id."""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence

from belvedere.host.protocol import Changes, HostMetrics, ViewerSpec
from belvedere.host.supervisor import Supervisor, Surroundings
from belvedere.lifecycle.seen import ABSENT, Phase, Seen

CHANGES_KEPT = 10_000


class Host:
    """Ensures, looks at and removes viewers. Belongs to one event loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._viewers: dict[int, Supervisor] = {}
        self._leaving: dict[int, set[Supervisor]] = {}
        self._ended_starts = 0
        self._ended_crashes = 0
        # Drawn, so that a cursor of another host is hardly ever taken for one of ours; JSON numbers hold 2^53.
        self._cursor = secrets.randbelow(2**50) + 1
        self._changes: deque[tuple[int, int]] = deque(maxlen=CHANGES_KEPT)
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._viewers) + sum(map(len, self._leaving.values()))

    def ensure(self, spec: ViewerSpec) -> Seen:
        """Make a viewer stand for this attempt; what is seen. A lower attempt than the present changes nothing.

        Nor does one that is just being ended: it has to be gone before it can be started again.
        """
        present = self._viewers.get(spec.job_id)
        latest = present.spec.attempt if present else self._last_attempt_leaving(spec.job_id)
        if latest is None or latest < spec.attempt:
            self._let_go(spec.job_id)
            self._viewers[spec.job_id] = Supervisor(spec, self._around, lambda: self._note(spec.job_id))
            self._note(spec.job_id)
        elif present and latest == spec.attempt and present.spec.revision < spec.revision:
            present.spec = spec
            self._note(spec.job_id)
        return self.look(spec.job_id)

    def look(self, job_id: int) -> Seen:
        """What is. ABSENT only when nothing is left of it."""
        present = self._viewers.get(job_id)
        if present is not None:
            return present.seen
        leaving = self._last_attempt_leaving(job_id)
        return ABSENT if leaving is None else Seen(phase=Phase.STOPPING, attempt=leaving)

    def look_at_all(self) -> Mapping[int, Seen]:
        """What is, for everything that is."""
        return {job_id: self.look(job_id) for job_id in self._viewers.keys() | self._leaving.keys()}

    def remove(self, job_id: int) -> Seen:
        """Begin to end the job's viewer; what is seen."""
        self._let_go(job_id)
        return self.look(job_id)

    def logs(self, job_id: int, tail: int) -> Sequence[str]:
        """The viewer's last lines."""
        present = self._viewers.get(job_id)
        return present.logs(tail) if present else []

    async def changes(self, after: int, patience: float) -> Changes:
        """What has changed since `after`, waiting up to `patience` seconds for something to."""
        if self._since(after) == []:
            try:
                async with asyncio.timeout(patience):
                    await self._changed.wait()
            except TimeoutError:
                pass
        since = self._since(after)
        job_ids = list(self.look_at_all()) if since is None else since
        return Changes(cursor=self._cursor, job_ids=job_ids)

    def metrics(self) -> HostMetrics:
        """Counters since the host started."""
        present = list(self._viewers.values()) + [each for group in self._leaving.values() for each in group]
        return HostMetrics(
            viewer_starts=self._ended_starts + sum(each.starts for each in present),
            viewer_crashes=self._ended_crashes + sum(each.crashes for each in present),
            mirror_bytes=self._around.mirrors.bytes_fetched,
            mirror_requests=self._around.mirrors.requests,
        )

    async def close(self) -> None:
        """End all viewers, and return when nothing is left of them."""
        for job_id in list(self._viewers):
            self._let_go(job_id)
        endings = [each.stop() for group in self._leaving.values() for each in group]
        if endings:
            await asyncio.wait(endings)

    def _last_attempt_leaving(self, job_id: int) -> int | None:
        return max((each.spec.attempt for each in self._leaving.get(job_id, ())), default=None)

    def _let_go(self, job_id: int) -> None:
        present = self._viewers.pop(job_id, None)
        if present is None:
            return
        self._leaving.setdefault(job_id, set()).add(present)
        present.stop().add_done_callback(lambda _: self._gone(present))
        self._note(job_id)

    def _gone(self, supervisor: Supervisor) -> None:
        job_id = supervisor.spec.job_id
        self._ended_starts += supervisor.starts
        self._ended_crashes += supervisor.crashes
        leaving = self._leaving[job_id]
        leaving.discard(supervisor)
        if not leaving:
            del self._leaving[job_id]
        self._note(job_id)

    def _note(self, job_id: int) -> None:
        self._cursor += 1
        self._changes.append((self._cursor, job_id))
        self._changed.set()
        self._changed = asyncio.Event()

    def _since(self, after: int) -> list[int] | None:
        """Ids that changed since; None if that can't be known."""
        oldest = self._changes[0][0] - 1 if self._changes else self._cursor
        if not oldest <= after <= self._cursor:
            return None
        return list({job_id: None for number, job_id in self._changes if number > after})
