"""Uses reach the runtime once in a while, and at once where somebody waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime

from belvedere.lifecycle.jobs import Job
from belvedere.lifecycle.seen import Phase, Seen
from belvedere.runtimes.board import Board
from belvedere.server.uses import REMEMBERED, Uses
from belvedere.testing.runtime import FakeRuntime

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Listening(FakeRuntime):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[set[int]] = []

    async def use(self, job_ids: Collection[int]) -> None:
        self.heard.append(set(job_ids))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def passing_on(uses: Uses) -> AsyncIterator[None]:
    task = asyncio.create_task(uses.run())
    yield
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()


async def test_uses_that_come_together_go_together() -> None:
    runtime = Listening()
    uses = Uses(runtime, Board(), Clock())
    async with passing_on(uses):
        for job_id in (1, 2, 1):
            uses.note(job_id)
    assert runtime.heard == [{1, 2}]


async def test_a_use_that_tells_nothing_new_is_not_passed_on() -> None:
    runtime, clock = Listening(), Clock()
    uses = Uses(runtime, Board(), clock)
    for later in (0.0, REMEMBERED / 2, REMEMBERED):
        clock.now = later
        async with passing_on(uses):
            uses.note(1)
    assert runtime.heard == [{1}, {1}]


async def test_a_sleeping_viewer_hears_of_every_use() -> None:
    runtime, board = Listening(), Board()
    job = Job(id=1, project_id="p", name="n", train_url="/b/", created_at=T0, updated_at=T0, intended_at=T0)
    board.put(job, Seen(phase=Phase.ASLEEP, attempt=1))
    uses = Uses(runtime, board, Clock())
    for _ in range(2):
        async with passing_on(uses):
            uses.note(1)
    assert runtime.heard == [{1}, {1}]


async def test_a_viewer_that_has_just_begun_hears_of_none() -> None:
    runtime, board = Listening(), Board()
    job = Job(id=1, project_id="p", name="n", train_url="/b/", created_at=T0, updated_at=T0, intended_at=T0)
    board.put(job, Seen(phase=Phase.STARTING, attempt=1))
    uses = Uses(runtime, board, Clock())
    async with passing_on(uses):
        uses.note(1)
    board.put(job, Seen(phase=Phase.READY, attempt=1))
    async with passing_on(uses):
        uses.note(1)
    assert runtime.heard == [{1}]
