"""All viewers of one host, by job id."""

import asyncio
import contextlib
import functools
import itertools
import secrets
import sys
from collections import deque
from collections.abc import Collection, Mapping, Sequence

from belvedere.host.capacity import Capacity
from belvedere.host.entry import Entry, Sameness, sameness
from belvedere.host.last_words import LINES, LastWords
from belvedere.host.pressure import Limits
from belvedere.host.protocol import Changes, HostMetrics, Traffic, ViewerSpec
from belvedere.host.sleeping import Alarm, sleep_at
from belvedere.host.supervisor import Shown, Supervisor, Surroundings
from belvedere.lifecycle.seen import ABSENT, Phase, Seen

CHANGES_KEPT = 10_000
TELL_SECONDS = 0.25  # by which news that nobody acts upon, such as progress, go together


class Host:
    """Ensures, looks at, uses and removes viewers. Belongs to one event loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._entries: dict[int, Entry] = {}
        self._leaving: dict[int, set[Entry]] = {}
        self._shared: dict[Sameness, Supervisor] = {}  # those that a job may join
        self._holders: dict[int, set[int]] = {}  # number of a viewer -> its jobs
        self._viewers: dict[int, Supervisor] = {}  # by number, until nothing of them is left
        self._last_number = 0
        self._alarm = Alarm(self._perhaps_sleep)
        self._last_words = LastWords()
        budget = sys.maxsize if around.memory_budget is None else around.memory_budget
        self._limits: dict[str, Limits] = {}  # by project, as the last specification said
        self.capacity = Capacity(budget, self._viewers, self._idle_since, self._neighbours)
        self._ended_starts = 0
        self._ended_crashes = 0
        # Drawn, so that a cursor of another host is hardly ever taken for one of ours; JSON numbers hold 2^53.
        self._cursor = secrets.randbelow(2**50) + 1
        self._changes: deque[tuple[int, int]] = deque(maxlen=CHANGES_KEPT)
        self._changed = asyncio.Event()
        self._told = self._cursor  # what was noted up to here has been told, or is to be at once
        self._telling: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._entries) + sum(map(len, self._leaving.values()))

    @property
    def memory_limits(self) -> str:
        """What keeps viewers within their memory."""
        return f"cgroup v{self._around.groups.version}" if self._around.groups else "watching"

    def ensure(self, spec: ViewerSpec) -> Seen:
        """Make a viewer stand for this attempt; what is seen. A lower attempt than the present changes nothing.

        Nor does one that is just being ended: it has to be gone before it can be started again.
        """
        self._limits[spec.project_id] = Limits(awake=spec.project_awake, memory=spec.project_memory)
        self._around.mirrors.limit(spec.project_id, spec.project_mirrors)
        present = self._entries.get(spec.job_id)
        latest = present.spec.attempt if present else self._last_attempt_leaving(spec.job_id)
        if latest is None or latest < spec.attempt:
            self._let_go(spec.job_id)
            self._take_in(spec)
        elif present and latest == spec.attempt and present.spec.revision < spec.revision:
            self._take_wishes(present, spec)
            self._note(spec.job_id)
        return self.look(spec.job_id)

    def use(self, job_ids: Collection[int]) -> None:
        """People look at these now. Those that sleep are woken; unknown ones are ignored."""
        now = asyncio.get_running_loop().time()
        for entry in [self._entries[job_id] for job_id in job_ids if job_id in self._entries]:
            entry.used_at = now
            entry.viewer.use()

    def look(self, job_id: int) -> Seen:
        """What is. ABSENT only when nothing is left of it."""
        present = self._entries.get(job_id)
        if present is not None:
            return present.seen
        leaving = self._last_attempt_leaving(job_id)
        return ABSENT if leaving is None else Seen(phase=Phase.STOPPING, attempt=leaving)

    def look_at_all(self) -> Mapping[int, Seen]:
        """What is, for everything that is."""
        return {job_id: self.look(job_id) for job_id in self._entries.keys() | self._leaving.keys()}

    def remove(self, job_id: int) -> Seen:
        """Begin to end the job's viewer; what is seen. One that others share goes on for them."""
        self._let_go(job_id)
        return self.look(job_id)

    def logs(self, job_id: int, tail: int) -> Sequence[str]:
        """The viewer's last lines, also of one that has ended."""
        present = self._entries.get(job_id)
        return present.viewer.logs(tail) if present else self._last_words.of(job_id, tail)

    async def changes(self, after: int, patience: float) -> Changes:
        """What has changed since `after`, waiting up to `patience` seconds for something to."""
        if self._told <= after <= self._cursor:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._changed.wait()
        since = self._since(after)
        job_ids = list(self._entries.keys() | self._leaving.keys()) if since is None else since
        return Changes(cursor=self._cursor, job_ids=job_ids, seen={job_id: self.look(job_id) for job_id in job_ids})

    def metrics(self) -> HostMetrics:
        """Counters since the host started."""
        return HostMetrics(
            viewer_starts=self._ended_starts + sum(each.look.starts for each in self._viewers.values()),
            viewer_crashes=self._ended_crashes + sum(each.crashes for each in self._viewers.values()),
            stores={
                name: Traffic(requests=meter.requests, bytes=meter.bytes)
                for name, meter in self._around.mirrors.traffic.items()
                if name
            },
            tasks=len(asyncio.all_tasks()),
        )

    async def close(self) -> None:
        """End all viewers, and return when nothing is left of them."""
        self._alarm.close()
        self._tell()
        for job_id in list(self._entries):
            self._let_go(job_id)
        endings = [each.stop() for each in self._viewers.values()]
        if endings:
            await asyncio.wait(endings)

    # Jobs and the viewers that they hold

    def _take_in(self, spec: ViewerSpec) -> None:
        viewer = self._viewer_for(spec)
        entry = Entry(spec, viewer, asyncio.get_running_loop().time())
        self._entries[spec.job_id] = entry
        self._holders[viewer.number].add(spec.job_id)
        if not spec.asleep:
            viewer.wake()
        entry.note_phase(self._around.clock())
        self._set_alarm(viewer)
        self._note(spec.job_id, soon=True)  # whoever asked for it is answered anyway

    def _take_wishes(self, entry: Entry, spec: ViewerSpec) -> None:
        """A job that holds its viewer alone is shown other logs by it; one that shares it leaves it to the others."""
        before, viewer = entry.same, entry.viewer
        entry.take_wishes(spec)
        if entry.same != before and len(self._holders[viewer.number]) == 1:
            if self._shared.get(before) is viewer:
                del self._shared[before]
            self._shared.setdefault(entry.same, viewer)
            viewer.show(entry.spec.sources)
        elif entry.same != before:
            self._move(entry, self._viewer_for(entry.spec))
        self._set_alarm(viewer)

    def _move(self, entry: Entry, viewer: Supervisor) -> None:
        is_asleep = entry.viewer.look.phase is Phase.ASLEEP
        self._holders[entry.viewer.number].discard(entry.spec.job_id)
        self._holders[viewer.number].add(entry.spec.job_id)
        entry.move_to(viewer)
        if not is_asleep:
            viewer.wake()
        entry.note_phase(self._around.clock())
        self._set_alarm(viewer)

    def _viewer_for(self, spec: ViewerSpec) -> Supervisor:
        """The one that shows the same already, unless it has failed: then a new one tries again."""
        same = sameness(spec)
        viewer = self._shared.get(same)
        if viewer is not None and viewer.look.phase is not Phase.FAILED:
            return viewer
        self._last_number += 1
        number = self._last_number
        admit = functools.partial(self.capacity.admit, number)
        viewer = Supervisor(_shown(spec, number), self._around, lambda: self._viewer_changed(number), admit)
        self._shared[same] = self._viewers[number] = viewer
        self._holders[number] = set()
        return viewer

    def _let_go(self, job_id: int) -> None:
        entry = self._entries.pop(job_id, None)
        if entry is None:
            return
        viewer = entry.viewer
        self._last_words.keep(job_id, viewer.logs(LINES))
        self._holders[viewer.number].discard(job_id)
        if self._holders[viewer.number]:
            self._set_alarm(viewer)
        else:
            self._end(entry)
        self._note(job_id)

    def _end(self, last: Entry) -> None:
        viewer = last.viewer
        if self._shared.get(last.same) is viewer:
            del self._shared[last.same]
        self._alarm.set(viewer.number, None)
        self._leaving.setdefault(last.spec.job_id, set()).add(last)
        viewer.stop().add_done_callback(lambda _: self._gone(last))

    def _gone(self, last: Entry) -> None:
        viewer, job_id = last.viewer, last.spec.job_id
        self._ended_starts += viewer.look.starts
        self._ended_crashes += viewer.crashes
        del self._viewers[viewer.number], self._holders[viewer.number]
        self.capacity.tell_waiting()
        leaving = self._leaving[job_id]
        leaving.discard(last)
        if not leaving:
            del self._leaving[job_id]
        self._note(job_id)

    def _last_attempt_leaving(self, job_id: int) -> int | None:
        return max((each.spec.attempt for each in self._leaving.get(job_id, ())), default=None)

    # Sleep

    def _set_alarm(self, viewer: Supervisor) -> None:
        settled_at = viewer.settled_at
        rests = [self._entries[job_id].rest for job_id in self._holders[viewer.number] if job_id in self._entries]
        self._alarm.set(viewer.number, None if settled_at is None else sleep_at(rests, settled_at))

    def _perhaps_sleep(self, number: int) -> None:
        """Its time had come when the alarm was set; uses since then have only been noted."""
        viewer = self._viewers[number]
        rests = [self._entries[job_id].rest for job_id in self._holders[number]]
        at = None if viewer.settled_at is None else sleep_at(rests, viewer.settled_at)
        if at is not None and at <= asyncio.get_running_loop().time():
            viewer.sleep()
        else:
            self._alarm.set(number, at)

    def _neighbours(self, number: int) -> tuple[Collection[int], Limits]:
        project_id = self._viewers[number].project_id
        near = frozenset(each.number for each in self._viewers.values() if each.project_id == project_id)
        return near, self._limits.get(project_id, Limits())

    def _idle_since(self, number: int) -> float | None:
        """Since when the viewer was used through no job; None if it may not sleep now."""
        entries = [self._entries[job_id] for job_id in self._holders[number]]
        settled_at = self._viewers[number].settled_at
        if settled_at is None or not entries or any(entry.spec.sleep_after is None for entry in entries):
            return None
        return max(settled_at, *(entry.used_at for entry in entries))

    # Changes

    def _viewer_changed(self, number: int) -> None:
        viewer = self._viewers[number]
        self._set_alarm(viewer)
        if viewer.look.phase in {Phase.ASLEEP, Phase.FAILED}:
            self.capacity.tell_waiting()
        for job_id in self._holders[number]:
            matters = self._entries[job_id].note_phase(self._around.clock())
            self._note(job_id, soon=not matters)

    def _note(self, job_id: int, *, soon: bool = False) -> None:
        """Tell of it at once, or `soon`: then with whatever else there is to tell by then."""
        self._cursor += 1
        self._changes.append((self._cursor, job_id))
        if not soon:
            self._tell()
        elif self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._told = self._cursor
        self._changed.set()
        self._changed = asyncio.Event()

    def _since(self, after: int) -> list[int] | None:
        """Ids that changed since; None if that can't be known."""
        oldest = self._changes[0][0] - 1 if self._changes else self._cursor
        if not oldest <= after <= self._cursor:
            return None
        newest = itertools.takewhile(lambda change: change[0] > after, reversed(self._changes))
        return list({job_id: None for _, job_id in newest})


def _shown(spec: ViewerSpec, number: int) -> Shown:
    return Shown(
        number=number,
        project_id=spec.project_id,
        viewer_type=spec.viewer_type,
        sources=spec.sources,
        memory_bytes=spec.memory_bytes,
        asleep=spec.asleep,
    )
