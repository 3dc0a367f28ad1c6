"""What every identity store promises."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.identity.permissions import Role
from belvedere.identity.records import (
    AccessKey,
    IdentityStore,
    Member,
    Outsider,
    Principal,
    Project,
    SecretKind,
    SecretRecord,
)
from tests.support.identities import enrol, user
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


async def test_a_project_has_its_id_and_its_name_alone(store: IdentityStore) -> None:
    first = Project(id=PROJECT, name="first", created_at=START)
    assert await store.add_project(first)
    assert not await store.add_project(replace(first, name="second"))
    assert not await store.add_project(replace(first, id=OTHER))
    assert await store.projects() == [first]


async def test_a_project_changes_its_name_unless_that_is_taken(store: IdentityStore) -> None:
    for project_id, name in ((PROJECT, "first"), (OTHER, "second")):
        await store.add_project(Project(id=project_id, name=name, created_at=START))
    assert not await store.change_project(PROJECT, name="second", description="")
    assert await store.change_project(PROJECT, name="third", description="words")
    assert not await store.change_project("c" * 32, name="fourth", description="")
    changed, _ = await store.projects()
    assert (changed.name, changed.description) == ("third", "words")


async def test_a_user_is_found_as_added_and_the_name_is_taken(store: IdentityStore) -> None:
    made = replace(user("bob"), password_hash="hash", password_changed_at=START)
    assert await store.add_user(made)
    assert not await store.add_user(replace(made, id="another"))
    assert await store.find_user("bob") == made
    assert await store.find_user("nobody") is None


async def test_the_last_administrator_stays_one(store: IdentityStore) -> None:
    admin = await enrol(store, "root", role=None)
    assert not await store.change_user(replace(admin, is_enabled=False))
    assert not await store.change_user(replace(admin, is_administrator=False))
    await enrol(store, "second", role=None)
    assert await store.change_user(replace(admin, is_enabled=False))
    assert not await store.change_user(user("nobody"))


@pytest.fixture
async def staffed(store: IdentityStore) -> IdentityStore:
    """Two projects; ann owns one, bob views both."""
    for project_id, name in ((PROJECT, "first"), (OTHER, "second")):
        await store.add_project(Project(id=project_id, name=name, created_at=START))
    await enrol(store, "ann", PROJECT)
    await enrol(store, "bob", PROJECT, OTHER, role=Role.VIEWER)
    return store


async def test_members_are_listed_by_project_and_by_user(staffed: IdentityStore) -> None:
    assert [(member.user, member.role) for member in await staffed.members(PROJECT)] == [
        ("ann", Role.OWNER),
        ("bob", Role.VIEWER),
    ]
    assert [member.project_id for member in await staffed.memberships("bob")] == [PROJECT, OTHER]


async def test_a_second_role_replaces_the_first(staffed: IdentityStore) -> None:
    await staffed.put_member(Member(project_id=PROJECT, user="bob", role=Role.EDITOR))
    assert [member.role for member in await staffed.members(PROJECT)] == [Role.OWNER, Role.EDITOR]


async def test_a_member_that_is_removed_loses_their_secrets_there(staffed: IdentityStore) -> None:
    await staffed.add_secret(secret())
    assert await staffed.remove_member(PROJECT, "ann")
    assert not await staffed.remove_member(PROJECT, "ann")
    assert await staffed.find_secret(SecretKind.TICKET, "d1") is None


async def test_standing_is_the_user_and_the_role_in_one_project(staffed: IdentityStore) -> None:
    standing = await staffed.standing(ANN)
    elsewhere = await staffed.standing(replace(ANN, project_id=OTHER))
    assert standing
    assert elsewhere
    assert (standing.user.name, standing.role, elsewhere.role) == ("ann", Role.OWNER, None)
    assert await staffed.standing(replace(ANN, user="nobody")) is None


async def test_all_secrets_of_a_user_are_removed_wherever_they_count(store: IdentityStore) -> None:
    for digest, project_id in (("here", PROJECT), ("there", OTHER), ("nowhere", "")):
        await store.add_secret(replace(secret(digest), principal=replace(ANN, project_id=project_id)))
    await store.add_secret(replace(secret("other"), principal=replace(ANN, user="other")))
    await store.add_secret(secret("ends", expires_at=START))
    assert await store.remove_all_secrets_of("ann", endless_too=False) == 1
    assert await store.remove_all_secrets_of("ann", endless_too=True) == 3
    assert await store.find_secret(SecretKind.TICKET, "other")


@pytest.mark.parametrize(("is_enabled", "left"), [(True, "endless"), (False, None)])
async def test_what_a_user_has_open_ends_with_the_change(
    store: IdentityStore, is_enabled: bool, left: str | None
) -> None:
    await enrol(store, "root", role=None)
    ann = await enrol(store, "ann")
    await store.add_secret(secret("endless"))
    await store.add_secret(secret("ends", expires_at=START))
    assert await store.change_user(replace(ann, is_enabled=is_enabled), ends_secrets=True)
    assert await store.find_secret(SecretKind.TICKET, "ends") is None
    found = await store.find_secret(SecretKind.TICKET, "endless")
    assert (found.digest if found else None) == left


async def test_a_change_that_is_refused_ends_nothing(store: IdentityStore) -> None:
    ann = await enrol(store, "ann", role=None)
    await store.add_secret(secret("endless"))
    await store.add_outsider(HER, "ann")
    assert not await store.change_user(replace(ann, is_enabled=False), ends_secrets=True, unties=True)
    assert await store.find_secret(SecretKind.TICKET, "endless")
    assert await store.find_outsider(HER) == "ann"


async def test_a_token_keeps_what_it_was_got_for_and_how(store: IdentityStore) -> None:
    token = replace(secret(kind=SecretKind.TOKEN), methods="password token", is_domain_scoped=True)
    await store.add_secret(token)
    assert await store.find_secret(SecretKind.TOKEN, "d1") == token


def key(access_key: str, expires_at: datetime | None = None) -> AccessKey:
    return AccessKey(
        access_key=access_key,
        user="ann",
        sealed_secret="sealed",
        created_at=START,
        description="for the tests",
        expires_at=expires_at,
        token_digest="digest" if expires_at else "",
    )


async def test_a_key_is_found_as_it_was_added_and_goes(staffed: IdentityStore) -> None:
    await staffed.add_key(key("AK1", START))
    await staffed.add_key(key("AK2"))
    assert await staffed.find_key("AK1") == key("AK1", START)
    assert [each.access_key for each in await staffed.keys("ann")] == ["AK1", "AK2"]
    assert (list(await staffed.keys("bob")), len(await staffed.keys())) == ([], 2)
    assert (await staffed.remove_key("AK2"), await staffed.remove_key("AK2")) == (True, False)


async def test_temporary_keys_that_have_expired_are_removed(staffed: IdentityStore) -> None:
    for name, expires_at in (("gone", START), ("live", START + SECOND), ("endless", None)):
        await staffed.add_key(key(name, expires_at))
    assert await staffed.remove_expired_keys(START) == 1
    assert {each.access_key for each in await staffed.keys()} == {"live", "endless"}


async def test_a_key_is_sealed_anew(staffed: IdentityStore) -> None:
    await staffed.add_key(key("AK1"))
    await staffed.reseal_key("AK1", "sealed again")
    found = await staffed.find_key("AK1")
    assert found
    assert found.sealed_secret == "sealed again"


HER = Outsider(issuer="https://id.example", subject="1")


async def test_an_outsider_is_one_user_and_a_user_one_outsider(store: IdentityStore) -> None:
    await enrol(store, "ann", role=None)
    await enrol(store, "bob", role=None)
    assert await store.find_outsider(HER) is None
    assert await store.add_outsider(HER, "ann")
    assert not await store.add_outsider(HER, "bob")
    assert not await store.add_outsider(replace(HER, subject="2"), "ann")
    assert await store.find_outsider(HER) == "ann"


async def test_the_same_subject_of_another_issuer_is_somebody_else(store: IdentityStore) -> None:
    await enrol(store, "ann", role=None)
    await store.add_outsider(HER, "ann")
    other = replace(HER, issuer="https://other.example")
    assert await store.find_outsider(other) is None
    assert await store.add_outsider(other, "ann")


async def test_a_newcomer_is_there_with_tie_and_role_or_not_at_all(store: IdentityStore) -> None:
    ann, bob = user("ann"), user("bob")
    await store.add_project(Project(id=PROJECT, name="default", created_at=START))
    role = Member(project_id=PROJECT, user="ann", role=Role.VIEWER)
    assert await store.add_newcomer(ann, HER, role)
    assert (await store.find_outsider(HER), await store.memberships("ann")) == ("ann", [role])
    assert not await store.add_newcomer(bob, HER, replace(role, user="bob"))
    assert not await store.add_newcomer(ann, replace(HER, subject="2"), replace(role, role=Role.OWNER))
    assert (await store.find_user("bob"), await store.memberships("bob")) == (None, [])
    assert (await store.find_outsider(replace(HER, subject="2")), await store.memberships("ann")) == (None, [role])


async def test_whoever_is_untied_is_nobody_until_they_are_tied_anew(store: IdentityStore) -> None:
    ann = await enrol(store, "ann", role=None)
    await store.add_outsider(HER, "ann")
    assert await store.users_outside() == {"ann"}
    assert await store.change_user(ann, unties=True)
    assert (await store.users_outside(), await store.find_outsider(HER)) == (frozenset(), None)
    assert await store.add_outsider(replace(HER, subject="2"), "ann")
