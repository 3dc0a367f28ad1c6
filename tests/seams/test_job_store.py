"""What every job store promises: creating, changing, claiming. Lists are in `test_job_lists`."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.contract.errors import QuotaExceeded
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.jobs import AutoStop, End, Event, Intent, Run, TimeUnit, Visibility
from belvedere.store.base import Claim, IdempotencyKey, JobStore, KeyReused
from tests.support.job_stores import KINDS, OTHER, PROJECT, SECOND, START, add, new_job, stores_of, with_run

LEASE = timedelta(seconds=60)
KEY = IdempotencyKey(key="k-1", digest="one")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobStore]:
    with stores_of(request.param, tmp_path) as (jobs, _):
        yield jobs


async def claim_one(store: JobStore, *, owner: str = "me", after: timedelta = timedelta(0)) -> Claim:
    (claim,) = await store.claim_due(owner, now=START + after, lease=LEASE, limit=1)
    return claim


def event(text: str) -> Event:
    return Event(at=START, kind="note", text=text, attempt=2, reason="LOADING")


# Creating


async def test_a_created_job_is_read_back_as_it_was_answered(store: JobStore) -> None:
    auto_stop = AutoStop(duration=90, unit=TimeUnit.SECONDS)
    job = await add(store, description="Zürich ☃", tags=("b", "a"), visibility=Visibility.PRIVATE, auto_stop=auto_stop)
    assert (job.tags, job.created_at, job.version, job.auto_stop) == (("b", "a"), START, 1, auto_stop)
    assert await store.get(PROJECT, job.id) == job == await store.find(job.id)


async def test_a_job_of_another_project_is_not_got(store: JobStore) -> None:
    job = await add(store)
    assert await store.get(OTHER, job.id) is None


async def test_a_job_that_is_not_there_is_none(store: JobStore) -> None:
    assert await store.find(77) is None
    assert await store.replace(replace(await add(store), id=77), look_at=None) is None


async def test_resource_ids_differ(store: JobStore) -> None:
    assert (await add(store)).resource_id != (await add(store)).resource_id


async def test_an_id_is_never_used_again(store: JobStore) -> None:
    first = await add(store)
    await store.settle(await claim_one(store), None, look_at=None, now=START)
    assert (await add(store)).id > first.id


async def test_creation_is_the_first_event(store: JobStore) -> None:
    job = await add(store)
    assert [(e.kind, e.at) for e in await store.events(job.id)] == [("created", START)]


async def test_a_full_project_takes_no_further_job(store: JobStore) -> None:
    await store.create(new_job(), now=START, quota=1)
    with pytest.raises(QuotaExceeded, match="has 1 visualization job; its quota is 1"):
        await store.create(new_job(), now=START, quota=1)


async def test_another_project_has_its_own_quota(store: JobStore) -> None:
    await store.create(new_job(), now=START, quota=1)
    await store.create(new_job(project_id=OTHER), now=START, quota=1)
    assert (await store.count(PROJECT), await store.count(OTHER)) == (1, 1)


async def test_a_deleted_job_makes_room(store: JobStore) -> None:
    await store.create(new_job(), now=START, quota=1)
    await store.settle(await claim_one(store), None, look_at=None, now=START)
    await store.create(new_job(), now=START, quota=1)


async def test_requests_at_the_same_moment_do_not_exceed_the_quota(store: JobStore) -> None:
    requests = [store.create(new_job(), now=START, quota=3) for _ in range(9)]
    answers = await asyncio.gather(*requests, return_exceptions=True)
    assert sum(isinstance(answer, QuotaExceeded) for answer in answers) == 6
    assert await store.count(PROJECT) == 3


# Idempotency keys


async def test_the_same_key_and_body_give_the_same_job(store: JobStore) -> None:
    first = await store.create(new_job(), now=START, key=KEY, quota=9)
    second = await store.create(new_job(), now=START + SECOND, key=KEY, quota=9)
    assert first[1]
    assert second == (first[0], False)


async def test_a_repeated_create_succeeds_in_a_full_project(store: JobStore) -> None:
    first, _ = await store.create(new_job(), now=START, key=KEY, quota=1)
    assert await store.create(new_job(), now=START, key=KEY, quota=1) == (first, False)


async def test_the_same_key_at_the_same_moment_makes_one_job(store: JobStore) -> None:
    answers = await asyncio.gather(*(store.create(new_job(), now=START, key=KEY, quota=9) for _ in range(8)))
    assert {job.id for job, _ in answers} == {answers[0][0].id}
    assert sum(is_new for _, is_new in answers) == 1


async def test_the_same_key_with_another_body_is_refused(store: JobStore) -> None:
    await store.create(new_job(), now=START, key=KEY, quota=9)
    with pytest.raises(KeyReused):
        await store.create(new_job(), now=START, key=replace(KEY, digest="two"), quota=9)


async def test_a_key_counts_within_its_project_alone(store: JobStore) -> None:
    await store.create(new_job(), now=START, key=KEY, quota=9)
    _, is_new = await store.create(new_job(project_id=OTHER), now=START, key=replace(KEY, digest="two"), quota=9)
    assert is_new


async def test_a_key_is_forgotten_after_24_hours(store: JobStore) -> None:
    first, _ = await store.create(new_job(), now=START, key=KEY, quota=9)
    _, early = await store.create(new_job(), now=START + timedelta(hours=24) - SECOND, key=KEY, quota=9)
    late, is_new = await store.create(new_job(), now=START + timedelta(hours=24), key=KEY, quota=9)
    assert (early, is_new) == (False, True)
    assert late.id != first.id


async def test_a_deleted_job_takes_its_key_along(store: JobStore) -> None:
    await store.create(new_job(), now=START, key=KEY, quota=9)
    await store.settle(await claim_one(store), None, look_at=None, now=START)
    _, is_new = await store.create(new_job(), now=START, key=KEY, quota=9)
    assert is_new


# A user's change


async def test_a_replaced_job_is_read_back_with_all_its_facts(store: JobStore) -> None:
    reason = Reason(code=ReasonCode.LOADING, text="Loading “everything”.")
    run = Run(
        taken_up_at=START, waiting=reason, ran_before=timedelta(microseconds=7), losses=2, end=End.LOST, note=reason
    )
    job = replace(await add(store), name="new", tags=("x",), intent=Intent.STOP, run=run, attempt=3, revision=2)
    stored = await store.replace(job, look_at=None)
    assert stored == replace(job, version=2)
    assert await store.find(job.id) == stored


async def test_of_two_changes_to_one_version_the_second_is_not_written(store: JobStore) -> None:
    job = await add(store)
    first = await store.replace(replace(job, description="first"), look_at=None)
    assert await store.replace(replace(job, description="second"), events=[event("x")], look_at=None) is None
    assert await store.find(job.id) == first
    assert len(await store.events(job.id)) == 1


async def test_a_change_without_a_time_keeps_the_time(store: JobStore) -> None:
    job = await add(store)
    await store.settle(await claim_one(store), job, look_at=START + SECOND, now=START)
    await store.replace(job, look_at=None)
    assert await store.next_look() == START + SECOND


async def test_events_come_oldest_first_and_as_they_were(store: JobStore) -> None:
    job = await add(store)
    await store.replace(job, events=[event("one"), event("two")], look_at=None)
    assert await store.events(job.id, limit=2) == [event("one"), event("two")]
    assert await store.events(job.id, limit=1) == [event("two")]


async def test_the_last_500_events_are_kept(store: JobStore) -> None:
    job = await add(store)
    await store.replace(job, events=[event(str(n)) for n in range(600)], look_at=None)
    kept = await store.events(job.id, limit=1000)
    assert [kept[0].text, kept[-1].text, len(kept)] == ["100", "599", 500]


# Claims


async def test_a_new_job_is_due_at_once(store: JobStore) -> None:
    job = await add(store)
    assert await store.next_look() == START
    assert (await claim_one(store)).job == job


async def test_a_claimed_job_is_not_claimed_again(store: JobStore) -> None:
    await add(store)
    await claim_one(store)
    assert not await store.claim_due("other", now=START, lease=LEASE, limit=9)
    assert await store.next_look() == START + LEASE


async def test_claims_at_the_same_moment_share_no_job(store: JobStore) -> None:
    for _ in range(6):
        await add(store)
    batches = await asyncio.gather(*(store.claim_due(f"o{n}", now=START, lease=LEASE, limit=2) for n in range(5)))
    claimed = [claim.job.id for batch in batches for claim in batch]
    assert sorted(claimed) == sorted(set(claimed))
    assert len(claimed) == 6


async def test_the_longest_due_are_claimed_first(store: JobStore) -> None:
    late = await add(store, now=START + SECOND)
    early = await add(store, now=START)
    claims = await store.claim_due("me", now=START + SECOND, lease=LEASE, limit=1)
    assert [claim.job.id for claim in claims] == [early.id] != [late.id]


async def test_a_job_is_not_due_before_its_time(store: JobStore) -> None:
    await add(store, now=START + SECOND)
    assert not await store.claim_due("me", now=START, lease=LEASE, limit=9)


async def test_a_claim_runs_out_with_its_lease(store: JobStore) -> None:
    await add(store)
    first = await claim_one(store)
    second = await claim_one(store, owner="other", after=LEASE)
    assert await store.settle(first, replace(first.job, name="late"), look_at=None, now=START + LEASE) is None
    assert await store.settle(second, replace(second.job, name="mine"), look_at=None, now=START + LEASE) is not None


async def test_a_dead_owners_claims_are_released_and_due(store: JobStore) -> None:
    await add(store)
    await claim_one(store, owner="dead")
    assert await store.release_claims("dead") == 1
    assert (await claim_one(store)).job.name == "run-1"


async def test_other_owners_keep_their_claims(store: JobStore) -> None:
    await add(store)
    await claim_one(store, owner="alive")
    assert await store.release_claims("dead") == 0
    assert not await store.claim_due("me", now=START, lease=LEASE, limit=9)


async def test_settling_writes_the_job_its_events_and_its_next_time(store: JobStore) -> None:
    await add(store)
    claim = await claim_one(store)
    job = replace(claim.job, run=Run(running_since=START))
    stored = await store.settle(claim, job, events=[event("x")], look_at=START + 5 * SECOND, now=START)
    assert stored == replace(job, version=2) == await store.find(job.id)
    assert (await store.events(job.id))[-1] == event("x")
    assert await store.next_look() == START + 5 * SECOND


async def test_settling_without_a_time_leaves_the_job_alone(store: JobStore) -> None:
    await add(store)
    claim = await claim_one(store)
    await store.settle(claim, claim.job, look_at=None, now=START)
    assert await store.next_look() is None


async def test_a_pass_without_news_leaves_the_version(store: JobStore) -> None:
    job = await add(store)
    claim = await claim_one(store)
    assert await store.settle(claim, claim.job, look_at=None, now=START) == job
    assert await store.replace(replace(job, description="mine"), look_at=None) is not None


async def test_settling_with_nothing_deletes_the_job_and_all_of_it(store: JobStore) -> None:
    job = await add(store, tags=("x",))
    assert await store.settle(await claim_one(store), None, look_at=None, now=START) is None
    assert await store.find(job.id) is None
    assert not await store.events(job.id)
    assert (await store.count(PROJECT), await store.count_by_status()) == (0, {})


async def test_a_claim_settles_once(store: JobStore) -> None:
    await add(store)
    claim = await claim_one(store)
    await store.settle(claim, replace(claim.job, name="once"), look_at=None, now=START)
    assert await store.settle(claim, replace(claim.job, name="twice"), look_at=None, now=START) is None


async def test_a_users_change_breaks_the_claim_and_keeps_its_time(store: JobStore) -> None:
    job = await add(store)
    claim = await claim_one(store)
    changed = await store.replace(replace(job, description="mine"), look_at=START + SECOND)
    assert await store.next_look() == START + SECOND
    assert await store.settle(claim, None, look_at=None, now=START + SECOND) is None
    assert await store.find(job.id) == changed
    assert await store.next_look() == START + SECOND


async def test_a_change_without_a_time_to_a_claimed_job_makes_it_due(store: JobStore) -> None:
    job = await add(store)
    await claim_one(store)
    await store.replace(replace(job, description="mine"), look_at=None)
    assert (await claim_one(store)).job.description == "mine"


async def test_an_overtaken_pass_makes_the_job_due_again(store: JobStore) -> None:
    job = await add(store)
    claim = await claim_one(store)
    await store.replace(job, look_at=START + 99 * SECOND)
    await store.settle(claim, claim.job, look_at=None, now=START + SECOND)
    assert await store.next_look() == START + SECOND


async def test_a_settled_job_that_was_deleted_meanwhile_stays_deleted(store: JobStore) -> None:
    job = await add(store)
    stale = await claim_one(store)
    await store.settle(await claim_one(store, after=LEASE), None, look_at=None, now=START + LEASE)
    assert await store.settle(stale, job, look_at=None, now=START + LEASE) is None
    assert await store.find(job.id) is None


async def test_a_hint_makes_a_quiet_job_due(store: JobStore) -> None:
    job = await add(store)
    claim = await claim_one(store)
    await store.settle(claim, claim.job, look_at=None, now=START)
    await store.make_due([job.id, 77], START + SECOND)
    assert await store.next_look() == START + SECOND


async def test_a_hint_does_not_put_a_look_off(store: JobStore) -> None:
    job = await add(store)
    await store.make_due([job.id], START + SECOND)
    assert await store.next_look() == START


async def test_a_hint_during_a_pass_leads_to_another_look(store: JobStore) -> None:
    job = await add(store)
    claim = await claim_one(store)
    await store.make_due([job.id], START)
    assert not await store.claim_due("other", now=START, lease=LEASE, limit=9)
    await store.settle(claim, claim.job, look_at=None, now=START + SECOND)
    assert await store.next_look() == START + SECOND


async def test_a_hint_is_used_up_by_the_next_claim(store: JobStore) -> None:
    job = await add(store)
    await store.make_due([job.id], START)
    claim = await claim_one(store)
    await store.settle(claim, claim.job, look_at=None, now=START)
    assert await store.next_look() is None


# Over all projects


async def test_running_are_those_that_are_meant_to_run_and_have_not_ended(store: JobStore) -> None:
    jobs = [await add(store, project_id=project) for project in (PROJECT, OTHER, PROJECT)]
    await with_run(store, jobs[1], running_since=START)
    await with_run(store, jobs[2], end=End.VIEWER)
    await store.replace(replace(await add(store), intent=Intent.STOP), look_at=None)
    assert [job.id for job in await store.running()] == [jobs[0].id, jobs[1].id]


async def test_known_are_the_ids_that_exist(store: JobStore) -> None:
    job = await add(store)
    assert await store.known([job.id, 77]) == {job.id}
    assert await store.known(range(10, 3000)) == set()


async def test_jobs_are_counted_by_status_as_they_change(store: JobStore) -> None:
    first, second = await add(store), await add(store, project_id=OTHER)
    assert await store.count_by_status() == {JobStatus.INIT: 2}
    await with_run(store, first, running_since=START)
    await with_run(store, second, end=End.USER)
    assert await store.count_by_status() == {JobStatus.RUNNING: 1, JobStatus.KILLED: 1}


async def test_a_store_that_has_not_lived_before_has_no_last_beat(store: JobStore) -> None:
    assert await store.last_beat() is None
    await store.beat(START)
    assert await store.last_beat() is None
