"""Who is let in. The store is the one in memory, which passes the suite of the real one."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from belvedere.contract.errors import (
    AuthenticationError,
    InvalidToken,
    PermissionDenied,
    ProjectMismatch,
    UnscopedToken,
)
from belvedere.identity.gatekeeper import REMEMBERED, SESSION_LIFE, TICKET_LIFE, Gatekeeper, new_secret, require_project
from belvedere.identity.permissions import Permission, Role
from belvedere.identity.records import Member, Principal, SecretKind, Standing
from belvedere.testing.store import MemoryIdentityStore
from tests.support.identities import caller, enrol, owners, principal, user

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ANN = Principal(user="ann", project_id="a" * 32)


@pytest.fixture
def gatekeeper() -> Gatekeeper:
    return Gatekeeper(owners(ANN))


async def test_an_issued_token_names_its_owner(gatekeeper: Gatekeeper) -> None:
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    assert principal(await gatekeeper.principal_of_token(token, NOW + timedelta(days=9999))) == ANN


async def test_two_issued_tokens_differ(gatekeeper: Gatekeeper) -> None:
    tokens = {await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None) for _ in range(2)}
    assert len(tokens) == 2


@pytest.mark.parametrize("token", [None, ""])
async def test_without_a_token_one_is_asked_to_send_one(gatekeeper: Gatekeeper, token: str | None) -> None:
    with pytest.raises(AuthenticationError, match="X-Auth-Token") as refusal:
        await gatekeeper.principal_of_token(token, NOW)
    assert refusal.value.error_code == "ModelArts.0201"


@pytest.mark.parametrize("token", ["x", "☃", "\ud800", "\0", "x" * 10_000])
async def test_an_unknown_token_is_refused_and_not_repeated(gatekeeper: Gatekeeper, token: str) -> None:
    with pytest.raises(InvalidToken) as refusal:
        await gatekeeper.principal_of_token(token, NOW)
    assert "x" * 9 not in refusal.value.message


async def test_a_token_ends_at_its_last_moment(gatekeeper: Gatekeeper) -> None:
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, timedelta(hours=1))
    end = NOW + timedelta(hours=1)
    assert principal(await gatekeeper.principal_of_token(token, end - TICK)) == ANN
    with pytest.raises(InvalidToken):
        await gatekeeper.principal_of_token(token, end)


async def test_a_token_that_was_taken_away_is_refused_within_seconds() -> None:
    store = owners(ANN)
    gatekeeper = Gatekeeper(store)
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    assert principal(await gatekeeper.principal_of_token(token, NOW)) == ANN
    await store.take_secret(SecretKind.TOKEN, hashlib.sha256(token.encode()).hexdigest())
    assert principal(await gatekeeper.principal_of_token(token, NOW + REMEMBERED - TICK)) == ANN
    with pytest.raises(InvalidToken):
        await gatekeeper.principal_of_token(token, NOW + REMEMBERED)


async def test_a_session_is_no_token_and_a_token_no_session(gatekeeper: Gatekeeper) -> None:
    session = await gatekeeper.issue(SecretKind.SESSION, ANN, NOW, SESSION_LIFE)
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    assert await gatekeeper.principal_of_session(token, NOW) is None
    with pytest.raises(InvalidToken):
        await gatekeeper.principal_of_token(session, NOW)


@pytest.mark.parametrize("secret", [None, "", "x", "x" * 10_000])
async def test_an_unknown_session_is_nobodys(gatekeeper: Gatekeeper, secret: str | None) -> None:
    assert await gatekeeper.principal_of_session(secret, NOW) is None


async def test_a_ticket_opens_one_session(gatekeeper: Gatekeeper) -> None:
    ticket = await gatekeeper.issue(SecretKind.TICKET, ANN, NOW, TICKET_LIFE)
    session = await gatekeeper.redeem_ticket(ticket, NOW)
    assert principal(await gatekeeper.principal_of_session(session, NOW)) == ANN
    assert await gatekeeper.redeem_ticket(ticket, NOW) is None


async def test_a_session_ends(gatekeeper: Gatekeeper) -> None:
    session = await gatekeeper.issue(SecretKind.SESSION, ANN, NOW, SESSION_LIFE)
    assert principal(await gatekeeper.principal_of_session(session, NOW + SESSION_LIFE - TICK)) == ANN
    assert await gatekeeper.principal_of_session(session, NOW + SESSION_LIFE) is None


async def test_a_late_ticket_opens_nothing(gatekeeper: Gatekeeper) -> None:
    ticket = await gatekeeper.issue(SecretKind.TICKET, ANN, NOW, TICKET_LIFE)
    assert await gatekeeper.redeem_ticket(ticket, NOW + TICKET_LIFE) is None


@pytest.mark.parametrize("ticket", ["", "x", "\ud800", "x" * 10_000])
async def test_an_unknown_ticket_opens_nothing(gatekeeper: Gatekeeper, ticket: str) -> None:
    assert await gatekeeper.redeem_ticket(ticket, NOW) is None


async def test_the_store_never_sees_a_secret() -> None:
    store = owners(ANN)
    secret = await Gatekeeper(store).issue(SecretKind.TOKEN, ANN, NOW, None)
    assert await store.find_secret(SecretKind.TOKEN, secret) is None
    assert secret not in repr(vars(store))


async def test_expired_secrets_do_not_pile_up() -> None:
    store = owners(ANN)
    gatekeeper = Gatekeeper(store)
    for n in range(5):
        await gatekeeper.issue(SecretKind.TICKET, ANN, NOW + n * TICKET_LIFE, TICKET_LIFE)
    assert await store.remove_expired_secrets(NOW + 5 * TICKET_LIFE) == 1


def test_a_principal_acts_in_its_own_project_alone() -> None:
    require_project(ANN, ANN.project_id)
    with pytest.raises(ProjectMismatch) as refusal:
        require_project(ANN, "b" * 32)
    assert refusal.value.error_code == "ModelArts.0210"


async def test_a_token_of_somebody_disabled_is_refused() -> None:
    store = owners(ANN)
    gatekeeper = Gatekeeper(store)
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    await enrol(store, "root", role=None)
    await store.change_user(replace(user("ann"), is_enabled=False))
    assert await gatekeeper.principal_if_valid(token, NOW) is None


async def test_a_token_for_a_project_that_one_has_left_is_refused() -> None:
    gatekeeper = Gatekeeper(owners(replace(ANN, project_id="b" * 32)))
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    assert await gatekeeper.principal_if_valid(token, NOW) is None


async def test_a_new_role_counts_at_once() -> None:
    store = owners(ANN)
    gatekeeper = Gatekeeper(store)
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    before = await gatekeeper.principal_of_token(token, NOW)
    await store.put_member(Member(project_id=ANN.project_id, user="ann", role=Role.VIEWER))
    gatekeeper.forget()
    after = await gatekeeper.principal_of_token(token, NOW)
    assert (before.may(Permission.CREATE), after.may(Permission.CREATE)) == (True, False)


async def test_an_answer_that_was_on_its_way_during_a_change_is_not_remembered() -> None:
    class Slow(MemoryIdentityStore):
        async def standing(self, principal: Principal) -> Standing | None:
            found = await super().standing(principal)
            keeper.forget()  # a change comes in between
            return found

    keeper = Gatekeeper(Slow([user("ann")], [Member(project_id=ANN.project_id, user="ann", role=Role.OWNER)]))
    token = await keeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    assert await keeper.principal_if_valid(token, NOW)
    assert not keeper._known


async def test_somebody_without_a_project_is_let_into_none() -> None:
    gatekeeper = Gatekeeper(owners(ANN))
    token = await gatekeeper.issue(SecretKind.TOKEN, replace(ANN, project_id=""), NOW, None)
    caller = await gatekeeper.principal_of_token(token, NOW)
    with pytest.raises(UnscopedToken):
        require_project(caller, ANN.project_id)


async def test_a_revoked_token_is_refused_at_once(gatekeeper: Gatekeeper) -> None:
    token = await gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
    assert await gatekeeper.principal_if_valid(token, NOW)
    assert await gatekeeper.revoke_token(token)
    assert await gatekeeper.principal_if_valid(token, NOW) is None
    assert not await gatekeeper.revoke_token(token)


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(PermissionDenied, match=r"perform the \(modelarts:tensorboard:create\) operation"):
        caller("bob", "p", Role.VIEWER).require(Permission.CREATE)


def test_no_secret_looks_like_an_option_of_a_command() -> None:
    """Of 64 drawn from its alphabet one would: `openstack token revoke TOKEN` took it for none."""
    assert not [secret for secret in (new_secret() for _ in range(2000)) if secret.startswith("-")]
