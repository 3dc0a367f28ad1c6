"""What every pass store promises."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.identity.passes import Gone, Pass, PassKind, PassStore
from belvedere.identity.records import Basis, Principal, SecretKind
from belvedere.testing.passes import MemoryPassStore
from tests.support.databases import new_stores
from tests.support.job_stores import KINDS, PROJECT, SECOND, START, add

ANN = Principal(user="ann", project_id=PROJECT)


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PassStore]:
    if request.param == "memory":
        yield MemoryPassStore()
        return
    with new_stores(tmp_path, lambda: START) as stores:
        assert (await add(stores.jobs)).id == 1
        yield stores.passes


def a_pass(digest: str = "d1", *, expires_at: datetime = START + SECOND, basis: Basis | None = None) -> Pass:
    return Pass(
        digest=digest, kind=PassKind.TICKET, job_id=1, principal=ANN, basis=basis, created_at=START,
        expires_at=expires_at, ends_at=START + 2 * SECOND,
    )  # fmt: skip


@pytest.mark.parametrize("basis", [None, Basis(kind=SecretKind.SESSION, digest="s")])
async def test_a_pass_is_found_as_it_was_added(store: PassStore, basis: Basis | None) -> None:
    await store.add_pass(a_pass(basis=basis))
    assert await store.find_pass(PassKind.TICKET, "d1") == a_pass(basis=basis)


async def test_a_pass_is_found_by_its_own_kind_alone(store: PassStore) -> None:
    await store.add_pass(a_pass())
    assert await store.find_pass(PassKind.SESSION, "d1") is None
    assert await store.take_pass(PassKind.SESSION, "d1") is None


async def test_of_many_takers_at_once_one_gets_the_pass(store: PassStore) -> None:
    await store.add_pass(a_pass())
    taken = await asyncio.gather(*(store.take_pass(PassKind.TICKET, "d1") for _ in range(8)))
    assert [record for record in taken if record] == [a_pass()]


async def test_expired_passes_are_removed_and_counted(store: PassStore) -> None:
    await store.add_pass(a_pass("gone", expires_at=START))
    await store.add_pass(a_pass("live"))
    assert await store.remove_expired_passes(START) == 1
    found = [await store.find_pass(PassKind.TICKET, digest) for digest in ("gone", "live")]
    assert [record is not None for record in found] == [False, True]


async def test_what_is_gone_gets_no_pass(tmp_path: Path) -> None:
    """A job or a share link that goes while somebody is let in by it."""
    with new_stores(tmp_path, lambda: START) as stores:
        job = await add(stores.jobs)
        for gone in (replace(a_pass(), job_id=job.id + 1), replace(a_pass(), job_id=job.id, share_id="revoked")):
            with pytest.raises(Gone):
                await stores.passes.add_pass(gone)
            assert await stores.passes.find_pass(PassKind.TICKET, "d1") is None


async def test_a_job_takes_its_passes_along(tmp_path: Path) -> None:
    with new_stores(tmp_path, lambda: START) as stores:
        job = await add(stores.jobs)
        await stores.passes.add_pass(replace(a_pass(), job_id=job.id))
        (claim,) = await stores.jobs.claim_due("me", now=START, lease=SECOND, limit=1)
        await stores.jobs.settle(claim, None, look_at=None, now=START)
        assert await stores.passes.find_pass(PassKind.TICKET, "d1") is None
