"""What every keeper of log stores promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.lifecycle.jobs import Source
from belvedere.store.base import EVERY_PROJECT, JobStore, LogStoreRecord, LogStoreRecords
from belvedere.testing.store import MemoryJobStore, MemoryLogStoreRecords
from tests.support.databases import new_stores
from tests.support.job_stores import KINDS, OTHER, PROJECT, SECOND, START, add

Kept = tuple[LogStoreRecords, JobStore]


@pytest.fixture(name="kept", params=KINDS)
def _kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "memory":
        jobs = MemoryJobStore()
        yield MemoryLogStoreRecords(jobs), jobs
        return
    with new_stores(tmp_path) as stores:
        yield stores.log_stores, stores.jobs


def record(name: str = "minio", project_id: str = PROJECT) -> LogStoreRecord:
    return LogStoreRecord(
        project_id=project_id, name=name, endpoint="https://obs.example", region="north", addressing="virtual-host",
        allow_http=True, access_key="AK", sealed_secret="sealed", created_at=START, updated_at=START + SECOND,
    )  # fmt: skip


async def test_a_store_comes_back_as_it_was_added(kept: Kept) -> None:
    assert await kept[0].add(record())
    assert await kept[0].all() == [record()]


async def test_two_projects_may_use_one_name(kept: Kept) -> None:
    assert await kept[0].add(record())
    assert await kept[0].add(record(project_id=OTHER))


@pytest.mark.parametrize(("first", "second"), [(PROJECT, PROJECT), (PROJECT, EVERY_PROJECT), (EVERY_PROJECT, PROJECT)])
async def test_a_name_means_one_store_in_all_that_a_project_sees(kept: Kept, first: str, second: str) -> None:
    assert await kept[0].add(record(project_id=first))
    assert not await kept[0].add(record(project_id=second))
    assert await kept[0].all() == [record(project_id=first)]


async def test_a_change_is_kept_and_counted(kept: Kept) -> None:
    await kept[0].add(record())
    assert await kept[0].replace(replace(record(), access_key="NEW"))
    assert await kept[0].all() == [replace(record(), access_key="NEW", revision=2)]


async def test_a_change_of_what_has_changed_is_refused(kept: Kept) -> None:
    await kept[0].add(record())
    await kept[0].replace(record())
    assert not await kept[0].replace(record())


async def test_a_change_of_what_is_not_there_is_refused(kept: Kept) -> None:
    assert not await kept[0].replace(record())


async def test_what_no_job_names_can_be_removed(kept: Kept) -> None:
    await kept[0].add(record())
    await add(kept[1], store="another")
    await add(kept[1], store="minio", project_id=OTHER)
    assert await kept[0].remove(PROJECT, "minio") == 0
    assert await kept[0].all() == []


async def test_what_jobs_name_stays_and_says_how_many(kept: Kept) -> None:
    await kept[0].add(record())
    for _ in range(2):
        await add(kept[1], store="minio")
    assert await kept[0].remove(PROJECT, "minio") == 2
    assert await kept[0].all() == [record()]


async def test_a_shared_store_is_held_by_the_jobs_of_all_projects(kept: Kept) -> None:
    await kept[0].add(record(project_id=EVERY_PROJECT))
    await add(kept[1], store="minio", project_id=OTHER)
    assert await kept[0].remove(EVERY_PROJECT, "minio") == 1


async def test_uses_are_counted_by_project(kept: Kept) -> None:
    for name, project_id in (("a", PROJECT), ("a", PROJECT), ("b", PROJECT), ("a", OTHER), ("", PROJECT)):
        await add(kept[1], store=name, project_id=project_id)
    assert await kept[0].uses(PROJECT) == {"a": 2, "b": 1}


async def test_every_source_of_a_job_counts_and_each_store_once(kept: Kept) -> None:
    await kept[0].add(record())
    names = ("a", "minio", "minio", "")
    sources = tuple(Source(name=f"s{at}", url="/b/", store=name) for at, name in enumerate(names))
    await add(kept[1], store="a", sources=sources)
    assert await kept[0].uses(PROJECT) == {"a": 1, "minio": 1}
    assert await kept[0].remove(PROJECT, "minio") == 1
