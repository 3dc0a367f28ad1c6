"""What every share store promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from belvedere.identity.passes import Pass, PassKind, PassStore
from belvedere.identity.records import Principal
from belvedere.identity.shares import ShareRecord, ShareStore
from belvedere.testing.passes import MemoryPassStore, MemoryShareStore
from tests.support.databases import new_stores
from tests.support.job_stores import KINDS, PROJECT, SECOND, START, add

ANN = Principal(user="ann", project_id=PROJECT)


class Kept(msgspec.Struct):
    shares: ShareStore
    passes: PassStore


@pytest.fixture(params=KINDS)
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "memory":
        passes = MemoryPassStore()
        yield Kept(MemoryShareStore(passes), passes)
        return
    with new_stores(tmp_path, lambda: START) as stores:
        for _ in range(2):
            await add(stores.jobs)
        yield Kept(stores.shares, stores.passes)


def share(name: str = "s1", job_id: int = 1) -> ShareRecord:
    return ShareRecord(
        id=name, digest=f"of-{name}", job_id=job_id, maker=ANN, note="for bob", password_hash="h", created_at=START,
        expires_at=START + SECOND,
    )  # fmt: skip


async def test_a_share_is_found_as_it_was_added(kept: Kept) -> None:
    assert await kept.shares.add_share(share(), 5)
    assert await kept.shares.find_share("of-s1") == share()
    assert await kept.shares.find_share("s1") is None


async def test_a_jobs_shares_come_newest_first(kept: Kept) -> None:
    await kept.shares.add_share(share("old"), 5)
    await kept.shares.add_share(replace(share("new"), created_at=START + SECOND), 5)
    await kept.shares.add_share(share("other", job_id=2), 5)
    assert [each.id for each in await kept.shares.shares(1)] == ["new", "old"]


async def test_a_job_has_so_many_and_no_more(kept: Kept) -> None:
    added = [await kept.shares.add_share(share(name), 2) for name in ("a", "b", "c")]
    assert (added, await kept.shares.add_share(share("d", job_id=2), 2)) == ([True, True, False], True)


async def test_a_use_is_counted(kept: Kept) -> None:
    await kept.shares.add_share(share(), 5)
    for second in (1, 2):
        await kept.shares.note_use("s1", START + second * SECOND)
    found = await kept.shares.find_share("of-s1")
    assert found == replace(share(), uses=2, used_at=START + 2 * SECOND)


async def test_a_share_is_removed_from_its_own_job_alone_and_once(kept: Kept) -> None:
    await kept.shares.add_share(share(), 5)
    removed = [await kept.shares.remove_share(job_id, "s1") for job_id in (2, 1, 1)]
    assert removed == [False, True, False]


async def test_a_share_takes_its_passes_along_and_no_others(kept: Kept) -> None:
    await kept.shares.add_share(share(), 5)
    for digest, share_id in (("guest", "s1"), ("own", None)):
        record = Pass(
            digest=digest, kind=PassKind.SESSION, job_id=1, principal=ANN, share_id=share_id, created_at=START,
            expires_at=START + SECOND, ends_at=START + SECOND,
        )  # fmt: skip
        await kept.passes.add_pass(record)
    await kept.shares.remove_share(1, "s1")
    found = [await kept.passes.find_pass(PassKind.SESSION, digest) for digest in ("guest", "own")]
    assert [record is not None for record in found] == [False, True]


async def test_a_job_takes_its_shares_along(tmp_path: Path) -> None:
    with new_stores(tmp_path, lambda: START) as stores:
        job = await add(stores.jobs)
        await stores.shares.add_share(share(job_id=job.id), 5)
        (claim,) = await stores.jobs.claim_due("me", now=START, lease=SECOND, limit=1)
        await stores.jobs.settle(claim, None, look_at=None, now=START)
        assert await stores.shares.find_share("of-s1") is None
