"""Whatever is in them and whatever is asked: the stores give the same lists."""

import asyncio
import tempfile
from datetime import datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.jobs import End, Run, Visibility
from belvedere.store.base import JobPage, JobQuery, JobStore, NewJob, SortKey
from tests.support.job_stores import KINDS, OTHER, PROJECT, SECOND, START, new_job, stores_of

USER = st.sampled_from(["ann", "bob"])
TEXT = st.text(st.sampled_from("aAäÄß%_\\ \u0308☃"), max_size=3)
SECONDS = st.integers(-3, 3).map(lambda n: n * SECOND)
MOMENT = SECONDS.map(lambda length: START + length)
TAGS = st.lists(st.sampled_from("xyz"), unique=True, max_size=2)
RUNS = st.one_of(
    st.just(Run()),
    st.builds(Run, running_since=MOMENT, ran_before=SECONDS.map(abs)),
    st.builds(Run, end=st.sampled_from(End), ran_before=SECONDS.map(abs)),
)
NEW_JOBS = st.builds(
    new_job,
    project_id=st.sampled_from([PROJECT, PROJECT, PROJECT, OTHER]),
    name=st.sampled_from(["a", "b", "B"]),
    description=TEXT,
    train_url=TEXT,
    owner=USER,
    tags=TAGS.map(tuple),
    visibility=st.sampled_from(Visibility),
)
JOBS = st.lists(st.tuples(NEW_JOBS, MOMENT, RUNS), max_size=9)
QUERIES = st.builds(
    JobQuery,
    project_id=st.just(PROJECT),
    viewer=USER,
    statuses=st.frozensets(st.sampled_from([JobStatus.INIT, JobStatus.RUNNING, JobStatus.KILLED]), max_size=2),
    search=TEXT,
    tags=TAGS.map(frozenset),
    owner=st.none() | USER,
    created_from=st.none() | MOMENT,
    created_before=st.none() | MOMENT,
    sort=st.sampled_from(SortKey),
    descending=st.booleans(),
    page=st.integers(1, 3),
    per_page=st.integers(1, 4),
)


async def fill(store: JobStore, jobs: list[tuple[NewJob, datetime, Run]]) -> None:
    for new, now, run in jobs:
        job, _ = await store.create(new, now=now, quota=99)
        await store.replace(replace(job, run=run), look_at=None)


async def pages_of(store: JobStore, query: JobQuery) -> list[JobPage]:
    """The page asked for, and the ones behind it."""
    pages = [await store.query(query)]
    while pages[-1].next_marker is not None:
        pages.append(await store.query(replace(query, marker=pages[-1].next_marker)))
    return pages


async def answers(kind: str, jobs: list[tuple[NewJob, datetime, Run]], query: JobQuery) -> list[tuple[object, ...]]:
    with tempfile.TemporaryDirectory() as folder, stores_of(kind, Path(folder)) as (store, _):
        await fill(store, jobs)
        pages = await pages_of(store, query)
        return [([job.id for job in page.jobs], page.total, page.next_marker) for page in pages]


@settings(max_examples=60, deadline=None)
@given(JOBS, QUERIES)
def test_all_stores_answer_alike(jobs: list[tuple[NewJob, datetime, Run]], query: JobQuery) -> None:
    first, *others = (asyncio.run(answers(kind, jobs, query)) for kind in KINDS)
    assert all(other == first for other in others)
