"""What every job store promises about lists: filters, orders, pages, markers, totals."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.jobs import End, Job, Visibility
from belvedere.store.base import JobQuery, JobStore, SortKey
from tests.support.job_stores import KINDS, OTHER, PROJECT, SECOND, START, add, ids, stores_of, with_run

ORDERS = [(sort, descending) for sort in SortKey for descending in (False, True)]
HUGE = 2**80


class MovingClock:
    """A clock that a test sets."""

    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: MovingClock) -> Iterator[JobStore]:
    with stores_of(request.param, tmp_path, clock) as (jobs, _):
        yield jobs


async def a_mixed_dozen(store: JobStore) -> list[Job]:
    """Twelve jobs with equal and different values in every column, in no particular order."""
    runs: tuple[dict[str, Any], ...] = (
        {},
        {"running_since": START - 40 * SECOND},
        {"end": End.USER, "ran_before": 30 * SECOND},
    )
    found = []
    for n in range(12):
        job = await add(
            store,
            name=f"run-{n * 7 % 5}",
            description="äbc☃"[n % 4 :],
            train_url=f"/b/{n % 3}/",
            now=START - (n * 5 % 4) * SECOND,
        )
        found.append(await with_run(store, job, **runs[n % 3]))
    return found


async def walk(store: JobStore, query: JobQuery) -> list[int]:
    """All ids, page by page, by markers."""
    found: list[int] = []
    while True:
        page = await store.query(query)
        found += [job.id for job in page.jobs]
        if page.next_marker is None:
            return found
        query = replace(query, marker=page.next_marker)


# Orders, pages, markers


@pytest.mark.parametrize(("sort", "descending"), ORDERS)
async def test_pages_and_markers_walk_the_same_way(store: JobStore, sort: SortKey, descending: bool) -> None:
    await a_mixed_dozen(store)
    whole = await ids(store, sort=sort, descending=descending)
    query = JobQuery(project_id=PROJECT, sort=sort, descending=descending, per_page=5)
    paged = [job.id for n in (1, 2, 3) for job in (await store.query(replace(query, page=n))).jobs]
    assert whole == paged == await walk(store, query)
    assert sorted(whole) == sorted(set(whole))
    assert len(whole) == 12


@pytest.mark.parametrize("sort", SortKey)
async def test_descending_is_the_other_way_round(store: JobStore, sort: SortKey) -> None:
    await a_mixed_dozen(store)
    assert await ids(store, sort=sort, descending=True) == (await ids(store, sort=sort))[::-1]


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        (SortKey.NAME, lambda job: job.name),
        (SortKey.DESCRIPTION, lambda job: job.description),
        (SortKey.TRAIN_URL, lambda job: job.train_url),
        (SortKey.CREATED, lambda job: job.created_at),
    ],
)
async def test_jobs_are_sorted_by_value_and_then_by_id(store: JobStore, sort: SortKey, value: object) -> None:
    assert callable(value)
    jobs = await a_mixed_dozen(store)
    assert await ids(store, sort=sort) == [job.id for job in sorted(jobs, key=lambda job: (value(job), job.id))]


async def test_sorting_by_status_uses_the_documented_numbers(store: JobStore) -> None:
    killed = await with_run(store, await add(store), end=End.USER)
    running = await with_run(store, await add(store), running_since=START)
    fresh = await add(store)
    assert await ids(store, sort=SortKey.STATUS) == [fresh.id, running.id, killed.id]


async def test_sorting_by_duration_counts_the_running_time_so_far(store: JobStore, clock: MovingClock) -> None:
    ended = await with_run(store, await add(store), end=End.USER, ran_before=100 * SECOND)
    running = await with_run(store, await add(store), running_since=START, ran_before=30 * SECOND)
    clock.now = START + 69 * SECOND
    assert await ids(store, sort=SortKey.DURATION) == [running.id, ended.id]
    clock.now = START + 71 * SECOND
    assert await ids(store, sort=SortKey.DURATION) == [ended.id, running.id]


async def test_a_walk_by_duration_misses_nothing_while_time_goes_on(store: JobStore, clock: MovingClock) -> None:
    for n in range(4):
        await with_run(store, await add(store), end=End.USER, ran_before=n * 10 * SECOND)
        await with_run(store, await add(store), running_since=START - n * 10 * SECOND)
    found, marker = [], None
    for _ in range(8):
        page = await store.query(JobQuery(project_id=PROJECT, sort=SortKey.DURATION, per_page=1, marker=marker))
        found += [job.id for job in page.jobs]
        marker, clock.now = page.next_marker, clock.now + 15 * SECOND
    assert sorted(found) == list(range(1, 9))
    assert marker is None


async def test_running_time_of_a_job_from_the_future_is_zero(store: JobStore) -> None:
    future = await with_run(store, await add(store), running_since=START + timedelta(days=1))
    past = await with_run(store, await add(store), running_since=START - SECOND)
    assert await ids(store, sort=SortKey.DURATION) == [future.id, past.id]


@pytest.mark.parametrize("page", [3, 1000, HUGE])
async def test_a_page_beyond_the_end_is_empty_and_knows_the_total(store: JobStore, page: int) -> None:
    await a_mixed_dozen(store)
    beyond = await store.query(JobQuery(project_id=PROJECT, page=page))
    assert (list(beyond.jobs), beyond.total, beyond.next_marker) == ([], 12, None)


async def test_the_last_page_has_no_marker(store: JobStore) -> None:
    await add(store)
    await add(store)
    assert (await store.query(JobQuery(project_id=PROJECT, per_page=2))).next_marker is None
    assert (await store.query(JobQuery(project_id=PROJECT, per_page=1))).next_marker is not None


async def test_a_walk_survives_the_deletion_of_its_last_job(store: JobStore) -> None:
    for _ in range(3):
        await add(store)
    page = await store.query(JobQuery(project_id=PROJECT, per_page=2))
    claims = await store.claim_due("me", now=START, lease=SECOND, limit=2)
    await store.settle(claims[1], None, look_at=None, now=START)
    assert await ids(store, per_page=2, marker=page.next_marker) == [3]


async def test_a_marker_of_another_order_is_refused(store: JobStore) -> None:
    await a_mixed_dozen(store)
    marker = (await store.query(JobQuery(project_id=PROJECT, per_page=1, sort=SortKey.NAME))).next_marker
    with pytest.raises(ValueError, match="another order"):
        await ids(store, sort=SortKey.TRAIN_URL, marker=marker)
    with pytest.raises(ValueError, match="another order"):
        await ids(store, sort=SortKey.NAME, descending=True, marker=marker)


@pytest.mark.parametrize("marker", ["", "x", "é", "e30", "====", "WyJqb2JfaWQiLGZhbHNlLCJ4IiwxLDFd", "A" * 9000])
async def test_garbage_is_refused_as_a_marker(store: JobStore, marker: str) -> None:
    with pytest.raises(ValueError, match="marker"):
        await ids(store, marker=marker)


# Filters and totals


async def test_a_list_shows_its_project_alone(store: JobStore) -> None:
    await add(store, project_id=OTHER)
    mine = await add(store)
    page = await store.query(JobQuery(project_id=PROJECT))
    assert (list(page.jobs), page.total) == ([mine], 1)


async def test_private_jobs_are_seen_by_their_owner_alone(store: JobStore) -> None:
    private = await add(store, owner="ann", visibility=Visibility.PRIVATE)
    public = await add(store, owner="ann")
    seen = {viewer: await store.query(JobQuery(project_id=PROJECT, viewer=viewer)) for viewer in ("ann", "bob", "")}
    assert [job.id for job in seen["ann"].jobs] == [private.id, public.id]
    assert [job.id for job in seen["bob"].jobs] == [public.id] == [job.id for job in seen[""].jobs]
    assert {viewer: page.total for viewer, page in seen.items()} == {"ann": 2, "bob": 1, "": 1}


async def test_a_job_made_private_disappears_for_others(store: JobStore) -> None:
    job = await add(store, owner="ann")
    await store.replace(replace(job, visibility=Visibility.PRIVATE), look_at=None)
    page = await store.query(JobQuery(project_id=PROJECT, viewer="bob"))
    assert (list(page.jobs), page.total) == ([], 0)


async def test_several_statuses_can_be_asked_for(store: JobStore) -> None:
    jobs = await a_mixed_dozen(store)
    statuses = frozenset({JobStatus.RUNNING, JobStatus.KILLED})
    page = await store.query(JobQuery(project_id=PROJECT, statuses=statuses, per_page=3))
    assert [job.id for job in page.jobs] == [jobs[n].id for n in (1, 2, 4)]
    assert page.total == 8


@pytest.mark.parametrize("search", ["run-ä", "ÄBC", "/BUCKET/", "straße", "STRASSE", "a\u0308b", "100%", "a_b", "c\\d"])
async def test_search_finds_in_any_case_and_spelling(store: JobStore, search: str) -> None:
    wanted = await add(store, name="Run-Ä", description="äbc STRASSE 100% a_b c\\d", train_url="/bucket/x/")
    await add(store, name="other", description="100 axb cd", train_url="/x/")
    page = await store.query(JobQuery(project_id=PROJECT, search=search))
    assert (list(page.jobs), page.total) == ([wanted], 1)


@pytest.mark.parametrize("search", ["run-1x", "1/buck", "\x1f"])
async def test_search_finds_nothing_across_fields(store: JobStore, search: str) -> None:
    await add(store, name="run-1", description="x", train_url="/bucket/")
    assert await ids(store, search=search) == []


async def test_a_changed_description_is_found_and_the_old_one_is_not(store: JobStore) -> None:
    job = await add(store, description="old")
    await store.replace(replace(job, description="new"), look_at=None)
    assert (await ids(store, search="new"), await ids(store, search="old")) == ([job.id], [])


async def test_all_tags_must_be_there(store: JobStore) -> None:
    both = await add(store, tags=("x", "y"))
    one = await add(store, tags=("x",))
    await add(store, project_id=OTHER, tags=("x", "y"))
    assert await ids(store, tags=frozenset({"x"})) == [both.id, one.id]
    assert await ids(store, tags=frozenset({"x", "y"})) == [both.id]
    assert (await store.query(JobQuery(project_id=PROJECT, tags=frozenset({"x"}), per_page=1))).total == 2


async def test_changed_tags_are_the_ones_that_count(store: JobStore) -> None:
    job = await add(store, tags=("x", "y"))
    await store.replace(replace(job, tags=("y", "z")), look_at=None)
    assert (await ids(store, tags=frozenset({"x"})), await ids(store, tags=frozenset({"z"}))) == ([], [job.id])


async def test_owner_and_type_can_be_asked_for(store: JobStore) -> None:
    ann = await add(store, owner="ann")
    bob = await add(store, owner="bob", job_type="mindinsight")
    assert (await ids(store, owner="ann"), await ids(store, job_type="mindinsight")) == ([ann.id], [bob.id])
    assert await ids(store, owner="") == []


async def test_a_span_of_creation_includes_its_start_and_excludes_its_end(store: JobStore) -> None:
    jobs = [await add(store, now=START + n * SECOND) for n in range(4)]
    span: dict[str, Any] = {"created_from": START + SECOND, "created_before": START + 3 * SECOND}
    assert await ids(store, **span) == [jobs[1].id, jobs[2].id]
    assert (await store.query(JobQuery(project_id=PROJECT, **span))).total == 2


async def test_a_job_whose_reason_changes_keeps_its_place_in_the_counts(store: JobStore) -> None:
    reason = Reason(code=ReasonCode.NO_CAPACITY, text="Waits.")
    job = await with_run(store, await add(store), waiting=reason)
    await with_run(store, job, waiting=replace(reason, text="Waits on."))
    assert (await store.query(JobQuery(project_id=PROJECT, statuses=frozenset({JobStatus.WAITING})))).total == 1
