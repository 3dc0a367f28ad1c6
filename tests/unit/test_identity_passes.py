"""Passes: one job's viewer, in one browser, as long as what they were given for is good."""

from datetime import UTC, datetime, timedelta

import pytest

from belvedere.identity.gatekeeper import SESSION_LIFE, TICKET_LIFE, Gatekeeper, digest_of
from belvedere.identity.passes import Passes
from belvedere.identity.records import Basis, Principal, SecretKind
from belvedere.testing.passes import MemoryPassStore
from tests.support.identities import owners, principal

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ANN = Principal(user="ann", project_id="a" * 32)


@pytest.fixture
def passes() -> Passes:
    return Passes(MemoryPassStore(), Gatekeeper(owners(ANN)))


async def session_for(passes: Passes, job_id: int = 1, basis: Basis | None = None) -> str:
    session = await passes.redeem(await passes.ticket(ANN, job_id, NOW, basis), job_id, NOW)
    assert session is not None
    return session


async def test_a_ticket_opens_one_session(passes: Passes) -> None:
    ticket = await passes.ticket(ANN, 1, NOW)
    session = await passes.redeem(ticket, 1, NOW)
    held = await passes.holder(session or "", 1, NOW)
    assert held is not None
    assert principal(held) == ANN
    assert await passes.redeem(ticket, 1, NOW) is None


async def test_a_late_ticket_opens_nothing(passes: Passes) -> None:
    assert await passes.redeem(await passes.ticket(ANN, 1, NOW), 1, NOW + TICKET_LIFE) is None


async def test_a_ticket_shown_to_another_job_is_used_up(passes: Passes) -> None:
    ticket = await passes.ticket(ANN, 1, NOW)
    assert [await passes.redeem(ticket, job_id, NOW) for job_id in (2, 1)] == [None, None]


async def test_a_session_is_for_one_job(passes: Passes) -> None:
    session = await session_for(passes, job_id=1)
    assert await passes.holder(session, 2, NOW) is None


async def test_a_session_ends(passes: Passes) -> None:
    session = await session_for(passes)
    assert await passes.holder(session, 1, NOW + SESSION_LIFE - TICK) is not None
    assert await passes.holder(session, 1, NOW + SESSION_LIFE) is None


async def test_a_ticket_is_no_session_and_a_session_no_ticket(passes: Passes) -> None:
    assert await passes.holder(await passes.ticket(ANN, 1, NOW), 1, NOW) is None
    assert await passes.redeem(await session_for(passes), 1, NOW) is None


@pytest.mark.parametrize("secret", ["", "x", "\ud800", "x" * 10_000])
async def test_unknown_secrets_open_nothing(passes: Passes, secret: str) -> None:
    assert await passes.redeem(secret, 1, NOW) is None
    assert await passes.holder(secret, 1, NOW) is None


@pytest.mark.parametrize("kind", [SecretKind.SESSION, SecretKind.TOKEN])
async def test_what_was_given_on_a_basis_ends_with_it(passes: Passes, kind: SecretKind) -> None:
    secret = await passes.gatekeeper.issue(kind, ANN, NOW, None)
    basis = Basis(kind=kind, digest=digest_of(secret))
    ticket, session = await passes.ticket(ANN, 1, NOW, basis), await session_for(passes, basis=basis)
    assert await passes.holder(session, 1, NOW) is not None
    await passes.gatekeeper.revoke_all(ANN)
    assert await passes.holder(session, 1, NOW) is None
    assert await passes.redeem(ticket, 1, NOW) is None


async def test_the_store_never_sees_a_secret() -> None:
    store = MemoryPassStore()
    passes = Passes(store, Gatekeeper(owners(ANN)))
    ticket = await passes.ticket(ANN, 1, NOW)
    assert ticket not in repr(vars(store))
