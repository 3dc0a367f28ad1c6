"""The reconciler over a store and a runtime in memory: it brings jobs to their truth, also after a kill at any call."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from belvedere.contract.errors import IllegalState
from belvedere.contract.reasons import ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.host.protocol import SourceSpec, ViewerSpec
from belvedere.lifecycle.clock import utc_now
from belvedere.lifecycle.jobs import AutoStop, Job, TimeUnit
from belvedere.lifecycle.seen import Phase, Seen
from belvedere.lifecycle.status import Verb, reason_of, status_of
from belvedere.lifecycle.verbs import apply_verb
from belvedere.reconciler import loop as reconciler_loop
from belvedere.reconciler.loop import Reconciler
from belvedere.runtimes.board import Board
from belvedere.sources.base import SourceError
from belvedere.sources.location import FolderLocation
from belvedere.store.base import NewJob
from belvedere.testing.runtime import FakeRuntime
from belvedere.testing.store import MemoryJobStore


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("COMPARE_EVERY", "BEAT_EVERY", "FAULT_PAUSE"):
        monkeypatch.setattr(reconciler_loop, pause, 0.02)


async def spec_of(job: Job) -> ViewerSpec:
    if job.train_url == "/gone/":
        raise SourceError(ReasonCode.SOURCE_FORBIDDEN, "Not allowed any more.")
    return ViewerSpec(
        job_id=job.id,
        attempt=job.attempt,
        revision=job.revision,
        project_id=job.project_id,
        viewer_type=job.job_type,
        sources=(SourceSpec(location=FolderLocation(path="/logs", root="/logs")),),
    )


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - neither store nor runtime has a signal for it
            await asyncio.sleep(0.005)


class World:
    """A store and a runtime that outlive any number of reconcilers."""

    def __init__(self) -> None:
        self.store = MemoryJobStore()
        self.runtime = FakeRuntime()
        self.board = Board()
        self.quota: int | None = None

    async def quota_of(self, project_id: str) -> int | None:
        del project_id
        return self.quota

    @contextlib.asynccontextmanager
    async def reconciling(self, store: Any = None, runtime: Any = None) -> AsyncIterator[Reconciler]:
        self.board = Board()
        reconciler = Reconciler(
            store or self.store,
            runtime or self.runtime,
            self.board,
            clock=utc_now,
            spec_of=spec_of,
            quota_of=self.quota_of,
            owner="test",
        )
        task = asyncio.create_task(reconciler.run())
        try:
            yield reconciler
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def create(self, train_url: str = "/logs/", auto_stop: AutoStop | None = None) -> Job:
        new = NewJob(
            project_id="p",
            name="n",
            description="",
            job_type="tensorboard",
            train_url=train_url,
            flavor="default",
            owner="o",
            auto_stop=auto_stop,
        )
        job, _ = await self.store.create(new, now=utc_now(), quota=100)
        return job

    async def ask(self, verb: Verb, job_id: int) -> None:
        while job := await self.store.find(job_id):
            now = utc_now()
            if await self.store.replace(apply_verb(verb, job, now), look_at=now):
                return

    async def status(self, job_id: int) -> JobStatus | None:
        job = await self.store.find(job_id)
        return status_of(job) if job else None

    async def reaches(self, job_id: int, status: JobStatus | None) -> None:
        async def reached() -> bool:
            return await self.status(job_id) == status

        await until(reached)

    async def happened(self, job_id: int, kind: str) -> bool:
        return kind in [event.kind for event in await self.store.events(job_id)]

    async def is_quiet(self, job_id: int) -> bool:
        sights = await self.runtime.look_at_all()
        return sights is not None and job_id not in sights


async def test_a_new_job_comes_to_run() -> None:
    world = World()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
    assert [event.kind for event in await world.store.events(job.id)] == ["created", "running"]


async def test_a_hint_about_a_new_job_begins_its_viewer_at_once() -> None:
    world = World()
    async with world.reconciling() as reconciler:
        job = await world.create()
        world.board.put(job)
        reconciler.hint(job.id)
        await asyncio.sleep(0)  # no claim is made in so little time
        await asyncio.sleep(0)
        assert world.runtime.calls == [("ensure", job.id)]
        await world.reaches(job.id, JobStatus.RUNNING)
    assert world.runtime.calls.count(("ensure", job.id)) == 1


async def test_a_job_that_is_soon_ready_is_written_once() -> None:
    world = World()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
    found = await world.store.find(job.id)
    assert found
    assert found.version == job.version + 1


async def test_a_job_whose_viewer_takes_its_time_is_told_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler_loop, "START_PATIENCE", 0.01)
    world = World()
    world.runtime.hold = True
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.SUBMIT_TRYING)


@pytest.mark.parametrize(("verb", "end"), [(Verb.STOP, JobStatus.KILLED), (Verb.DELETE, None)])
async def test_a_user_who_changes_his_mind_at_once_leaves_no_viewer(verb: Verb, end: JobStatus | None) -> None:
    world = World()
    async with world.reconciling() as reconciler:
        job = await world.create()
        await world.ask(verb, job.id)
        world.board.put(job)
        reconciler.hint(job.id)
        await world.reaches(job.id, end)
        await until(lambda: world.is_quiet(job.id))


async def test_a_log_source_that_is_no_longer_allowed_fails_with_its_reason() -> None:
    world = World()
    job = await world.create("/gone/")
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.MOUNT_FAILED)
    found = await world.store.find(job.id)
    assert found
    assert reason_of(found)


async def test_a_pass_that_breaks_down_is_tried_again_soon_and_told_once() -> None:
    world = World()
    broken = [RuntimeError("a defect"), RuntimeError("a defect")]

    async def quota_of(project_id: str) -> int | None:
        if broken:
            raise broken.pop()
        return await World.quota_of(world, project_id)

    world.quota_of = quota_of  # type: ignore[method-assign]
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
    kinds = [event.kind for event in await world.store.events(job.id)]
    assert kinds == ["created", "fault", "running"]
    assert not broken


async def test_auto_stop_completes_a_job_and_ends_its_viewer() -> None:
    world = World()
    job = await world.create(auto_stop=AutoStop(duration=1, unit=TimeUnit.SECONDS))
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.COMPLETED)
    assert await world.is_quiet(job.id)


@pytest.mark.parametrize(("verb", "end"), [(Verb.STOP, JobStatus.KILLED), (Verb.DELETE, None)])
async def test_stop_and_delete_leave_nothing_running(verb: Verb, end: JobStatus | None) -> None:
    world = World()
    job = await world.create()
    async with world.reconciling() as reconciler:
        await world.reaches(job.id, JobStatus.RUNNING)
        await world.ask(verb, job.id)
        reconciler.hint(job.id)
        await world.reaches(job.id, end)
    assert await world.is_quiet(job.id)


async def test_a_viewer_that_vanishes_comes_back() -> None:
    world = World()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
        world.runtime.lose(job.id)
        await until(lambda: world.happened(job.id, "vanished"))
        await world.reaches(job.id, JobStatus.RUNNING)
    assert world.runtime.calls.count(("ensure", job.id)) == 2


async def test_what_nothing_asked_for_is_ended() -> None:
    world = World()
    world.runtime.put(77, Seen(phase=Phase.READY, attempt=1))
    async with world.reconciling():
        await until(lambda: world.is_quiet(77))


async def test_an_adopted_viewer_is_not_started_again() -> None:
    world = World()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
    async with world.reconciling():
        await asyncio.sleep(0.1)
        assert await world.status(job.id) is JobStatus.RUNNING
    assert world.runtime.calls.count(("ensure", job.id)) == 1


async def test_an_unreachable_runtime_is_waited_for() -> None:
    world = World()
    world.runtime.break_down()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.WAITING)
        world.runtime.mend()
        await world.store.make_due([job.id], utc_now())
        await world.reaches(job.id, JobStatus.RUNNING)


async def test_jobs_of_an_engine_that_was_lost_come_back_without_waiting_for_a_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciler_loop, "COMPARE_EVERY", 3600)
    world = World()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
        world.runtime.lose_all()
        await until(lambda: world.happened(job.id, "vanished"))
        await world.reaches(job.id, JobStatus.RUNNING)


class Killed:
    """Passes calls on to a store or a runtime until its budget is spent; from then on nothing ever returns.

    `after`: whether the last call still takes effect, as when a process dies between an effect and hearing of it.
    """

    def __init__(self, inner: Any, budget: "Budget") -> None:
        self._inner = inner
        self._budget = budget

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)
        if name == "changes":
            return lambda: self._budget.listening(method())

        async def call(*arguments: Any, **options: Any) -> Any:
            return await self._budget.spend(lambda: method(*arguments, **options))

        return call


class Budget:
    def __init__(self, calls: int, after: bool) -> None:
        self.left = calls
        self.after = after
        self.spent = asyncio.Event()

    async def spend(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self.left -= 1
        if self.left > 0:
            return await call()
        if self.left == 0 and self.after:
            await call()
        self.spent.set()
        return await asyncio.Future()

    async def listening(self, changes: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for change in changes:
            if self.left <= 0:
                await asyncio.Future()
            yield change


async def killed_after(world: World, calls: int, *, after: bool) -> None:
    """Let a reconciler make so many calls, then leave it where it stands."""
    budget = Budget(calls, after)
    board = Board()
    store, runtime = Killed(world.store, budget), Killed(world.runtime, budget)
    reconciler = Reconciler(
        store, runtime, board, clock=utc_now, spec_of=spec_of, quota_of=world.quota_of, owner="test"
    )
    task = asyncio.create_task(reconciler.run())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            await budget.spent.wait()
    await abandon(task)


async def abandon(task: asyncio.Task[None]) -> None:
    """Cancel the task and whatever it started; none of them can do anything any more."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for other in others | {task}:
        other.cancel()
    await asyncio.gather(*others, task, return_exceptions=True)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("calls", range(1, 15))
async def test_a_kill_at_any_call_while_starting_ends_in_one_running_viewer(calls: int, after: bool) -> None:
    world = World()
    job = await world.create()
    await killed_after(world, calls, after=after)
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
    assert [event.kind for event in await world.store.events(job.id)].count("running") == 1
    assert await world.runtime.look_at_all() is not None


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.DELETE])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("calls", range(1, 15, 2))
async def test_a_kill_at_any_call_while_ending_leaves_nothing(calls: int, after: bool, verb: Verb) -> None:
    world = World()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
    await world.ask(verb, job.id)
    await killed_after(world, calls, after=after)
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.KILLED if verb is Verb.STOP else None)
    assert await world.is_quiet(job.id)


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.DELETE])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("calls", range(1, 12))
async def test_a_job_that_is_ended_while_its_start_was_killed_leaves_nothing(
    calls: int, after: bool, verb: Verb
) -> None:
    world = World()
    job = await world.create()
    await killed_after(world, calls, after=after)
    await world.ask(verb, job.id)
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.KILLED if verb is Verb.STOP else None)
        await until(lambda: world.is_quiet(job.id))


async def test_a_job_that_is_changed_over_and_over_has_one_pass_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    job = await world.create()
    async with world.reconciling() as reconciler:
        for verb in (Verb.STOP, Verb.RESTART) * 20:
            with contextlib.suppress(IllegalState):
                await world.ask(verb, job.id)
            reconciler.hint(job.id)
            await asyncio.sleep(0.002)
        with contextlib.suppress(IllegalState):
            await world.ask(Verb.DELETE, job.id)
        reconciler.hint(job.id)
        await until(lambda: world.is_quiet(job.id))
    assert "never retrieved" not in caplog.text


async def test_jobs_beyond_the_running_quota_wait_and_say_why() -> None:
    world = World()
    world.quota = 2
    jobs = [await world.create() for _ in range(5)]
    async with world.reconciling():
        await until(lambda: _so_many(world, jobs, JobStatus.WAITING, 3))
        await until(lambda: _so_many(world, jobs, JobStatus.RUNNING, 2))
        waiting = [job for each in jobs if (job := await world.store.find(each.id)) and job.run.waiting]
        assert {job.run.waiting.code for job in waiting if job.run.waiting} == {ReasonCode.QUOTA}
        assert len({job_id for verb, job_id in world.runtime.calls if verb == "ensure"}) == 2


async def test_a_job_that_waits_for_its_project_runs_when_another_one_ends() -> None:
    world = World()
    world.quota = 1
    jobs = [await world.create() for _ in range(2)]
    async with world.reconciling() as reconciler:
        await until(lambda: _so_many(world, jobs, JobStatus.WAITING, 1))
        await until(lambda: _so_many(world, jobs, JobStatus.RUNNING, 1))
        (first,) = [job for job in jobs if await world.status(job.id) == JobStatus.RUNNING]
        (second,) = [job for job in jobs if job.id != first.id]
        await world.ask(Verb.STOP, first.id)
        reconciler.hint(first.id)
        await world.reaches(second.id, JobStatus.RUNNING)
        await world.reaches(first.id, JobStatus.KILLED)


async def test_a_raised_quota_lets_those_that_wait_run_and_reaches_the_runtime_at_once() -> None:
    world = World()
    world.quota = 1
    jobs = [await world.create() for _ in range(2)]
    async with world.reconciling() as reconciler:
        await until(lambda: _so_many(world, jobs, JobStatus.WAITING, 1))
        await until(lambda: _so_many(world, jobs, JobStatus.RUNNING, 1))
        (first,) = [job for job in jobs if await world.status(job.id) == JobStatus.RUNNING]
        asked = world.runtime.calls.count(("ensure", first.id))
        world.quota = 2
        reconciler.quotas_changed("p")
        await until(lambda: _so_many(world, jobs, JobStatus.RUNNING, 2))
        assert world.runtime.calls.count(("ensure", first.id)) == asked + 1


async def test_a_lowered_quota_ends_nothing_and_lets_a_running_job_change() -> None:
    world = World()
    job = await world.create()
    async with world.reconciling():
        await world.reaches(job.id, JobStatus.RUNNING)
        world.quota = 0
    async with world.reconciling():
        await asyncio.sleep(0.05)
        assert await world.status(job.id) == JobStatus.RUNNING


async def _so_many(world: World, jobs: list[Job], status: JobStatus, number: int) -> bool:
    return [await world.status(job.id) for job in jobs].count(status) == number
