"""Many jobs in a service's database, written there while it is down."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from belvedere.lifecycle.clock import utc_now
from belvedere.lifecycle.jobs import End, Job, Run
from belvedere.server.bootstrap import ADMINISTRATOR
from belvedere.store.base import JobStore, NewJob
from belvedere.store.opening import open_store

_QUOTA = 10**9
_AT_ONCE = 32


def fill(database: Path, project_id: str, folders: Sequence[str], *, over: int) -> list[int]:
    """A job that runs for each folder, and so many that are over; the ids of those that run."""
    return asyncio.run(_fill(database, project_id, folders, over))


async def _fill(database: Path, project_id: str, folders: Sequence[str], over: int) -> list[int]:
    free = asyncio.Semaphore(_AT_ONCE)
    with open_store(database) as stores:

        async def add(folder: str, *, runs: bool) -> Job:
            async with free:
                return await _add(stores.jobs, project_id, folder, runs=runs)

        await asyncio.gather(*[add(folders[0], runs=False) for _ in range(over)])
        return [job.id for job in await asyncio.gather(*[add(folder, runs=True) for folder in folders])]


async def _add(store: JobStore, project_id: str, folder: str, *, runs: bool) -> Job:
    now = utc_now()
    new = NewJob(
        project_id=project_id,
        name="bench",
        description="",
        job_type="tensorboard",
        train_url=folder,
        flavor="default",
        owner=ADMINISTRATOR,
    )
    job, _ = await store.create(new, now=now, quota=_QUOTA)
    running = Run(taken_up_at=now, submitted_at=now, running_since=now, first_ran_at=now)
    run = running if runs else Run(first_ran_at=now, end=End.USER, ended_at=now)
    return await store.replace(replace(job, run=run), look_at=None) or job
