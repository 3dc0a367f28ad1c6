"""Job stores of every kind, and jobs to put into them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from belvedere.identity.records import IdentityStore
from belvedere.lifecycle.clock import Clock
from belvedere.lifecycle.jobs import Job, Run
from belvedere.store.base import JobQuery, JobStore, NewJob
from belvedere.testing.store import MemoryIdentityStore, MemoryJobStore
from tests.support.databases import new_stores

START = datetime(2026, 5, 4, 12, 0, 0, 123_457, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PROJECT, OTHER = "a" * 32, "b" * 32
KINDS = ("sqlite", "memory")


@contextmanager
def stores_of(kind: str, folder: Path, clock: Clock = lambda: START) -> Iterator[tuple[JobStore, IdentityStore]]:
    if kind == "memory":
        yield MemoryJobStore(clock), MemoryIdentityStore()
        return
    with new_stores(folder, clock) as stores:
        yield stores.jobs, stores.identities


def new_job(**changes: Any) -> NewJob:
    standard = NewJob(
        project_id=PROJECT,
        name="run-1",
        description="",
        job_type="tensorboard",
        train_url="/bucket/run-1/",
        flavor="default",
        owner="ann",
    )
    return replace(standard, **changes)


async def add(store: JobStore, /, *, now: datetime = START, **changes: Any) -> Job:
    job, _ = await store.create(new_job(**changes), now=now, quota=10**9)
    return job


async def with_run(store: JobStore, job: Job, **facts: Any) -> Job:
    stored = await store.replace(replace(job, run=Run(**facts)), look_at=None)
    assert stored is not None
    return stored


async def ids(store: JobStore, **choices: Any) -> list[int]:
    page = await store.query(JobQuery(**{"project_id": PROJECT, "per_page": 1000, **choices}))
    return [job.id for job in page.jobs]
