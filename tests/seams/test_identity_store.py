"""What every identity store promises."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.identity.records import IdentityStore, Principal, Project, SecretKind, SecretRecord
from tests.support.job_stores import KINDS, OTHER, PROJECT, SECOND, START, stores_of

ANN = Principal(user="ann", project_id=PROJECT)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IdentityStore]:
    with stores_of(request.param, tmp_path) as (_, identities):
        yield identities


def secret(
    digest: str = "d1", kind: SecretKind = SecretKind.TICKET, expires_at: datetime | None = None
) -> SecretRecord:
    return SecretRecord(digest=digest, kind=kind, principal=ANN, created_at=START, expires_at=expires_at)


async def test_projects_come_back_oldest_first(store: IdentityStore) -> None:
    young = Project(id=PROJECT, name="young", created_at=START + SECOND)
    old = Project(id=OTHER, name="old ☃", created_at=START)
    await store.add_project(young)
    await store.add_project(old)
    assert await store.projects() == [old, young]


@pytest.mark.parametrize("expires_at", [None, START + SECOND])
async def test_a_secret_is_found_as_it_was_added(store: IdentityStore, expires_at: datetime | None) -> None:
    await store.add_secret(secret(expires_at=expires_at))
    assert await store.find_secret(SecretKind.TICKET, "d1") == secret(expires_at=expires_at)


async def test_a_secret_is_found_by_its_own_kind_alone(store: IdentityStore) -> None:
    await store.add_secret(secret(kind=SecretKind.TICKET))
    assert await store.find_secret(SecretKind.TOKEN, "d1") is None
    assert await store.take_secret(SecretKind.SESSION, "d1") is None


async def test_a_secret_is_taken_once(store: IdentityStore) -> None:
    await store.add_secret(secret())
    assert await store.take_secret(SecretKind.TICKET, "d1") == secret()
    assert await store.take_secret(SecretKind.TICKET, "d1") is None
    assert await store.find_secret(SecretKind.TICKET, "d1") is None


async def test_of_many_takers_at_once_one_gets_the_secret(store: IdentityStore) -> None:
    await store.add_secret(secret())
    taken = await asyncio.gather(*(store.take_secret(SecretKind.TICKET, "d1") for _ in range(8)))
    assert [record for record in taken if record] == [secret()]


async def test_expired_secrets_are_removed_and_counted(store: IdentityStore) -> None:
    for digest, expires_at in (("gone", START), ("live", START + SECOND), ("endless", None)):
        await store.add_secret(secret(digest, expires_at=expires_at))
    assert await store.remove_expired_secrets(START) == 1
    found = [await store.find_secret(SecretKind.TICKET, digest) for digest in ("gone", "live", "endless")]
    assert [record is not None for record in found] == [False, True, True]


async def test_one_users_secrets_are_removed_and_no_others(store: IdentityStore) -> None:
    theirs = secret("theirs")
    other = replace(secret("other"), principal=replace(theirs.principal, user="somebody-else"))
    elsewhere = replace(secret("elsewhere"), principal=replace(theirs.principal, project_id=OTHER))
    for record in (theirs, other, elsewhere):
        await store.add_secret(record)
    assert await store.remove_secrets_of(theirs.principal) == 1
    found = [await store.find_secret(SecretKind.TICKET, digest) for digest in ("theirs", "other", "elsewhere")]
    assert [record is not None for record in found] == [False, True, True]
