"""A process that creates and changes jobs until it is killed, and prints the id of each one that was answered."""

import asyncio
import sys

from belvedere.lifecycle.clock import utc_now
from belvedere.store.base import JobStore
from belvedere.store.opening import open_store
from tests.support.job_stores import add, with_run


async def create_for_ever(store: JobStore) -> None:
    while True:
        job = await add(store, now=utc_now(), tags=("x", "y"))
        sys.stdout.write(f"{job.id}\n")
        sys.stdout.flush()
        await with_run(store, job, running_since=utc_now())


async def main() -> None:
    with open_store(sys.argv[1]) as stores:
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(create_for_ever(stores.jobs))


if __name__ == "__main__":
    asyncio.run(main())
