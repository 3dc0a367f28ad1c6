"""The loop: claim what is due, look, decide, act, write guarded, and look again when the plan says so.

Three tasks run side by side: the *pump* takes jobs whose time has come, the *listener* turns the runtime's hints into
looks, and the *comparison* holds all running jobs against all viewers now and then, which finds what hints missed and
ends what nothing asked for. Any of them may fail or be late without harm: only time is lost.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.protocol import ViewerSpec
from belvedere.lifecycle.clock import Clock
from belvedere.lifecycle.decide import Action, Plan, decide
from belvedere.lifecycle.jobs import End, Event, Job, is_brand_new
from belvedere.lifecycle.quotas import is_running_job, place_among
from belvedere.lifecycle.seen import ABSENT, Phase, Seen
from belvedere.reconciler.compare import differing, gist, unwanted
from belvedere.runtimes.base import Runtime
from belvedere.runtimes.board import Board, Sighting
from belvedere.sources.base import SourceError, SourceUnavailable
from belvedere.store.base import Claim, JobStore

LEASE = timedelta(seconds=60)  # longer than any pass; a dead owner's claims are released at the next start
BATCH = 64  # jobs claimed at once
ROUNDS = 4  # of look and act in one pass: remove, then see it gone, then forget
COMPARE_EVERY = 5.0  # seconds
BEAT_EVERY = 5.0  # seconds
START_PATIENCE = 1.5  # seconds that a pass waits for a viewer that starts, before it writes that it does
FIRST_CLAIM = 0.05  # seconds, at most, until a new job is claimed: its viewer is asked for before
FAULT_PAUSE = 1.0  # seconds, after an unexpected error in one of the tasks; of a pass, the first time
SLOWEST_RETRY = 30.0  # seconds until a pass that fails again and again is tried once more

_log = structlog.get_logger("belvedere.reconciler")

SpecOf = Callable[[Job], Awaitable[ViewerSpec]]
RunningQuota = Callable[[str], Awaitable[int | None]]
"""How many jobs of a project may run at the same time; None: any number."""


class Reconciler:
    """Brings viewers in line with jobs.

    `spec_of` may raise SourceError for a log source that is no longer allowed, SourceUnavailable for one that does not
    answer: it is tried again.
    """

    def __init__(
        self,
        store: JobStore,
        runtime: Runtime,
        board: Board,
        *,
        clock: Clock,
        spec_of: SpecOf,
        quota_of: RunningQuota,
        owner: str,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._board = board
        self._clock = clock
        self._spec_of = spec_of
        self._quota_of = quota_of
        self._owner = owner
        self._granted: dict[int, int] = {}  # by job id: the attempt that was let run
        self._hinted = asyncio.Event()
        self._begun: dict[int, _Begun] = {}  # by job id: viewers of new jobs that no pass has taken up yet
        self._passes: dict[int, asyncio.Task[None]] = {}  # by job id: the pass that was begun last
        self._in_pass: dict[int, Seen | None] = {}  # by job id: what a hint told of during the pass, or before it began
        self._alive_until: dict[int, datetime] = {}
        self._last_beat: datetime | None = None
        self._faults: dict[int, int] = {}  # by job id: passes that failed since the last that did not
        self._telling: set[asyncio.Task[None]] = set()

    def quotas_changed(self, project_id: str) -> None:
        """A project may have more now, or less: its jobs that wait for that are not to wait for another one's change.

        May be called from anywhere in the loop's thread.
        """
        task = asyncio.create_task(self._tell_quotas(project_id))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def hint(self, job_id: int) -> None:
        """Something about this job is due. Cheap; may be called from anywhere in the loop's thread.

        A new job's viewer begins at once, before the job is claimed: that is repeatable, and the job is durable.
        """
        sighting = self._board.get(job_id)
        if not (sighting and is_brand_new(sighting.job)):
            self._hinted.set()
        elif job_id not in self._begun:
            seen = asyncio.create_task(self._ensure(sighting.job))
            seen.add_done_callback(self._has_begun)
            asyncio.get_running_loop().call_later(FIRST_CLAIM, self._hinted.set)
            self._begun[job_id] = _Begun(job=sighting.job, seen=seen)
            self._in_pass[job_id] = None  # the job is due: a pass is to come, and goes by the board

    def _has_begun(self, seen: asyncio.Task[Seen]) -> None:
        """The claim of one that starts may wait until it is up, or nearly: what writes it would only be in its way."""
        if seen.cancelled() or seen.exception() or seen.result().phase is not Phase.STARTING:
            self._hinted.set()

    async def run(self) -> None:
        """Work until cancelled. Passes under way are finished before it returns."""
        self._last_beat = await self._store.last_beat()
        await self._store.release_claims(self._owner)
        for job in await self._store.running():
            self._board.put(job)
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._pump, self._listen, self._compare_forever, self._beat_forever):
                    group.create_task(self._forever(work))
        finally:
            if left := [*self._passes.values(), *(begun.seen for begun in self._begun.values())]:
                await asyncio.wait(left, timeout=LEASE.total_seconds())

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 - a fault in one task must not end the others; it is logged and tried again
                _log.exception("reconciler-fault", task=getattr(work, "__name__", "?"))
            await asyncio.sleep(FAULT_PAUSE)

    # The pump

    async def _pump(self) -> None:
        while True:
            self._hinted.clear()
            claims = await self._store.claim_due(self._owner, now=self._clock(), lease=LEASE, limit=BATCH)
            if claims:
                await self._start_passes(claims)
            if len(claims) < BATCH:
                await self._sleep_until(await self._store.next_look())

    async def _sleep_until(self, at: datetime | None) -> None:
        pause = COMPARE_EVERY if at is None else (at - self._clock()).total_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(pause, 0.0), COMPARE_EVERY)):
                await self._hinted.wait()

    async def _start_passes(self, claims: Collection[Claim]) -> None:
        """Look at all that are not brand-new: those have no viewer yet, and if one does, ENSURE is repeatable."""
        known = [claim.job.id for claim in claims if not is_brand_new(claim.job)]
        sights = await self._runtime.look(known) if known else {}
        for claim in claims:
            job_id, seen = claim.job.id, sights.get(claim.job.id, ABSENT)
            before = self._passes.get(job_id)
            work = self._pass(claim, seen) if before is None else self._pass_after(before, claim)
            task = self._passes[job_id] = asyncio.create_task(work)
            task.add_done_callback(partial(self._pass_is_over, job_id))

    def _pass_is_over(self, job_id: int, task: asyncio.Task[None]) -> None:
        if self._passes.get(job_id) is task:
            del self._passes[job_id]

    async def _pass_after(self, before: asyncio.Task[None], claim: Claim) -> None:
        """A user's change ended the claim of a pass that is still at work: that one first, and then a fresh look."""
        await asyncio.wait([before])
        sights = await self._runtime.look([claim.job.id])
        await self._pass(claim, sights[claim.job.id])

    async def _pass(self, claim: Claim, seen: Seen) -> None:
        with structlog.contextvars.bound_contextvars(job_id=claim.job.id, project_id=claim.job.project_id):
            try:
                await self._work_on(claim, seen)
                self._faults.pop(claim.job.id, None)
            except Exception:  # noqa: BLE001 - whatever it was, the job is looked at again
                _log.exception("pass-failed")
                await self._put_off(claim)

    async def _put_off(self, claim: Claim) -> None:
        """Look at the job again soon, and ever later if that fails too; its history tells of the first time."""
        faults = self._faults[claim.job.id] = self._faults.get(claim.job.id, 0) + 1
        now, pause = self._clock(), min(FAULT_PAUSE * 2 ** min(faults - 1, 10), SLOWEST_RETRY)
        told = Event(at=now, kind="fault", text=_FAULT, attempt=claim.job.attempt)
        events = [told] if faults == 1 else []
        try:
            stored = await self._store.settle(
                claim, claim.job, events=events, look_at=now + timedelta(seconds=pause), now=now
            )
            if stored is not None:
                self._board.put(stored)
        except Exception:  # noqa: BLE001 - it may be the store's fault: the claim runs out, then
            _log.exception("pass-not-put-off")
        self._hinted.set()

    async def _work_on(self, claim: Claim, seen: Seen) -> None:
        self._in_pass.setdefault(claim.job.id, None)
        try:
            if not is_brand_new(claim.job) and (begun := self._begun.pop(claim.job.id, None)):
                seen = await begun.seen  # its first pass, and a user has changed his mind already
            plan, seen = await self._advance(claim.job, self._with_last_life(claim.job.id, seen))
            await self._settle(claim, plan, seen)
        finally:
            told = self._in_pass.pop(claim.job.id)
        if told is not None and gist(told) != gist(seen):
            await self._look_again([claim.job.id])

    async def _advance(self, job: Job, seen: Seen) -> tuple[Plan, Seen]:
        """Decide and act until nothing new follows, or for a few rounds; all that is to be written is in the plan."""
        events: tuple[Event, ...] = ()
        done: Action | None = None
        for _ in range(ROUNDS):
            plan = decide(job, seen, self._clock())
            events += plan.events
            if plan.job is None or plan.action is None or plan.action is done:
                break
            job, done = plan.job, plan.action
            seen = await self._act(plan.action, job)
        return replace(plan, events=events), seen

    async def _once_started(self, job: Job, seen: Seen) -> Seen:
        """What is seen as soon as it is more than a start: most viewers are ready in less time than a write takes.

        So a job is mostly written once, when it runs. A job that a user changes meanwhile is not waited for.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + START_PATIENCE
        known = self._board.get(job.id)
        if known is not None and known.seen.attempt == seen.attempt:
            seen = known.seen  # a hint came since the answer
        else:
            self._board.put(job, seen)
        while seen.phase is Phase.STARTING and (left := until - clock()) > 0:
            await self._board.changed(job.id, left)
            sighting = self._board.get(job.id)
            if sighting is None or sighting.job.version != job.version:
                break
            seen = sighting.seen
        return seen

    async def _act(self, action: Action, job: Job) -> Seen:
        match action:
            case Action.ENSURE:
                begun = self._begun.pop(job.id, None)
                seen = await (begun.seen if begun and begun.is_for(job) else self._ensure(job))
                return await self._once_started(job, seen)
            case Action.REMOVE:
                return await self._runtime.remove(job.id)

    async def _ensure(self, job: Job) -> Seen:
        kept_waiting = await self._let_run(job)
        if kept_waiting:
            return Seen(phase=Phase.WAITING, attempt=job.attempt, reason=kept_waiting)
        try:
            spec = await self._spec_of(job)
        except SourceUnavailable as error:
            return Seen(phase=Phase.WAITING, attempt=job.attempt, reason=error.reason)
        except SourceError as error:
            return Seen(phase=Phase.FAILED, attempt=job.attempt, end=End.SOURCE, reason=error.reason)
        return await self._runtime.ensure(spec)

    async def _let_run(self, job: Job) -> Reason | None:
        """Give the job its place among its project's running ones; why it has to wait if there is none."""
        quota = await self._quota_of(job.project_id)
        before = self._board.get(job.id)
        if quota is not None and not (before and self._is_running(before, job)):
            others = (each for each in self._board.all() if each.job.project_id == job.project_id)
            running = sum(self._is_running(each, each.job) for each in others if each.job.id != job.id)
            if reason := place_among(running, quota):
                return reason
        self._granted[job.id] = job.attempt
        return None

    async def _tell_quotas(self, project_id: str) -> None:
        """The runtime hears of quotas with whatever it is asked for; asking for what stands changes nothing else."""
        here = [each for each in self._board.all() if each.job.project_id == project_id]
        stands = next((each.job for each in here if is_running_job(each.job, each.seen, is_granted=False)), None)
        try:
            if stands is not None:
                await self._runtime.ensure(await self._spec_of(stands))
            await self._make_due(self._kept_waiting(project_id))
        except Exception:  # noqa: BLE001 - nothing is lost: it is told with the next job
            _log.exception("quotas-not-told", project_id=project_id)

    def _kept_waiting(self, project_id: str) -> list[int]:
        """Jobs of the project that wait for others of it to end."""
        here = (each.job for each in self._board.all() if each.job.project_id == project_id)
        return [job.id for job in here if job.run.waiting and job.run.waiting.code is ReasonCode.QUOTA]

    def _is_running(self, sighting: Sighting, job: Job) -> bool:
        return is_running_job(job, sighting.seen, is_granted=self._granted.get(job.id) == job.attempt)

    async def _settle(self, claim: Claim, plan: Plan, seen: Seen) -> None:
        now = self._clock()
        stored = await self._store.settle(claim, plan.job, events=plan.events, look_at=plan.look_at, now=now)
        for event in plan.events:
            _log.info("job-event", kind=event.kind, reason=event.reason, attempt=event.attempt)
        if plan.job is None or (stored is not None and stored.run.end is not None and seen.phase is Phase.ABSENT):
            self._board.forget(claim.job.id)  # nothing of it runs: what is to be told of it stands in the database
            self._alive_until.pop(claim.job.id, None)
            self._granted.pop(claim.job.id, None)
            await self._make_due(self._kept_waiting(claim.job.project_id))
        elif stored is not None:
            self._board.put(stored, seen)
        if plan.look_at is not None or stored is None:
            self._hinted.set()

    def _with_last_life(self, job_id: int, seen: Seen) -> Seen:
        """Note when the viewer was last known to run, for the running clock of one that vanished."""
        if seen.phase in {Phase.ABSENT, Phase.UNKNOWN}:
            known = self._alive_until.get(job_id)
            return replace(seen, alive_until=known or self._last_beat, vanished=known is not None)
        self._alive_until[job_id] = self._clock()
        return seen

    # Hints from the runtime

    async def _listen(self) -> None:
        async for changes in self._runtime.changes():
            if changes is None:
                await self.compare()
                continue
            told = {job_id: seen for job_id, seen in changes.items() if seen is not None}
            before = [sighting for job_id in told if (sighting := self._board.get(job_id))]
            await self._notice(before, told)
            await self._look_again(changes.keys() - told.keys())

    async def _look_again(self, job_ids: Collection[int]) -> None:
        before = [sighting for job_id in job_ids if (sighting := self._board.get(job_id))]
        if before:
            await self._notice(before, await self._runtime.look([sighting.job.id for sighting in before]))

    async def _notice(self, before: Collection[Sighting], sights: Mapping[int, Seen]) -> None:
        """Put looks on the board, and make those jobs due whose facts they may change.

        `before`: the sightings from before the look. One that has changed meanwhile is newer than the look.
        """
        still = [sighting for sighting in before if self._board.get(sighting.job.id) is sighting]
        changed = differing(still, sights)
        for sighting in still:
            seen = sights.get(sighting.job.id, ABSENT)
            self._board.put(sighting.job, self._with_last_life(sighting.job.id, seen))
        await self._make_due(self._not_in_pass({job_id: sights.get(job_id, ABSENT) for job_id in changed}))

    def _not_in_pass(self, changed: Mapping[int, Seen]) -> list[int]:
        """Those that no pass is at work on; the others are looked at again when theirs is over.

        Most hints during a pass tell what it does itself, so this spares a new job one pass out of two.
        """
        for job_id in changed.keys() & self._in_pass.keys():
            self._in_pass[job_id] = changed[job_id]
        return [job_id for job_id in changed if job_id not in self._in_pass]

    async def _make_due(self, job_ids: Collection[int]) -> None:
        if job_ids:
            await self._store.make_due(job_ids, self._clock())
            self._hinted.set()

    # The comparison of all with all

    async def _compare_forever(self) -> None:
        while True:
            await self.compare()
            await asyncio.sleep(COMPARE_EVERY)

    async def compare(self) -> None:
        """Hold all live jobs against all viewers, once."""
        before = list(self._board.all())
        sights = await self._runtime.look_at_all()
        if sights is None:
            await self._make_due([sighting.job.id for sighting in before if sighting.job.run.running_since])
            return
        await self._notice(before, sights)
        await self._remove_unwanted(sights)

    async def _remove_unwanted(self, sights: Iterable[int]) -> None:
        strangers = [job_id for job_id in sights if not self._board.get(job_id)]
        for job_id in strangers:
            job = await self._store.find(job_id)
            if job is None:
                _log.warning("viewer-without-job", job_id=job_id)
                await self._runtime.remove(job_id)
            else:
                self._board.put(job)
                await self._make_due(unwanted([job]))

    # The beat

    async def _beat_forever(self) -> None:
        while True:
            await self._store.beat(self._clock())
            await asyncio.sleep(BEAT_EVERY)


_FAULT = (
    "Something went wrong in this service while it looked after the job. It tries again by itself; its log has more."
)


class _Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer that was begun for a job as it was then, and the answer to that."""

    job: Job
    seen: asyncio.Task[Seen]

    def is_for(self, job: Job) -> bool:
        """Whether the job still asks for just that."""
        return (self.job.attempt, self.job.revision) == (job.attempt, job.revision)
