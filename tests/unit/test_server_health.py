"""Ready means that a job could be created now."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from belvedere.contract.errors import BelvedereError, Unavailable
from belvedere.identity import permissions
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.permissions import ADMINISTRATOR, ROLES, Permission, Role
from belvedere.identity.rates import Rates
from belvedere.identity.records import Principal, SecretKind
from belvedere.lifecycle.clock import utc_now
from belvedere.server.health import health_routes
from belvedere.server.metrics import Metrics
from belvedere.service.audit import Auditor
from belvedere.service.strangers import Strangers
from belvedere.testing.audit import MemoryAuditStore
from belvedere.testing.runtime import FakeRuntime
from belvedere.testing.store import MemoryIdentityStore, MemoryJobStore
from tests.support.identities import enrol


class FullDisk(MemoryJobStore):
    async def beat(self, now: datetime) -> None:
        raise Unavailable("The database can't be used.")


async def status(request: Request, error: Exception) -> Response:
    assert isinstance(error, BelvedereError)
    return PlainTextResponse("", error.http_status)


@contextlib.asynccontextmanager
async def asking(store: MemoryJobStore, identities: MemoryIdentityStore) -> AsyncIterator[httpx2.AsyncClient]:
    strangers = Strangers(Rates(), identities.find_key, Auditor(MemoryAuditStore(), utc_now))
    routes = health_routes(store, FakeRuntime(), Metrics("0"), Gatekeeper(identities), strangers, utc_now)
    app = Starlette(routes=routes, exception_handlers={BelvedereError: status})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://s") as client:
        yield client


@pytest.mark.parametrize(("store", "expected"), [(MemoryJobStore(), 200), (FullDisk(), 503)], ids=["well", "full"])
async def test_it_is_ready_while_the_database_can_be_written_to(store: MemoryJobStore, expected: int) -> None:
    async with asking(store, MemoryIdentityStore()) as client:
        assert (await client.get("/readyz")).status_code == expected
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("role", [*Role, None])
async def test_metrics_are_for_who_may_read_them_and_each_change_of_the_table_shows(
    role: Role | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities = MemoryIdentityStore()
    await enrol(identities, "ann", "p" * 32, role=role)
    token = await Gatekeeper(identities).issue(
        SecretKind.TOKEN, Principal(user="ann", project_id="p" * 32), utc_now(), None
    )
    headers = {"Authorization": f"Bearer {token}"}
    async with asking(MemoryJobStore(), identities) as client:
        allowed = (await client.get("/metrics", headers=headers)).status_code == 200
        assert allowed is (role in {Role.OWNER, None})
    monkeypatch.setattr(permissions, "ADMINISTRATOR", ADMINISTRATOR ^ {Permission.READ_METRICS})
    flipped = {each: held ^ {Permission.READ_METRICS} for each, held in ROLES.items()}
    monkeypatch.setattr(permissions, "ROLES", flipped)
    async with asking(MemoryJobStore(), identities) as client:
        assert ((await client.get("/metrics", headers=headers)).status_code == 200) is not allowed


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "made-up"}, {"Authorization": "Basic eA=="}])
async def test_metrics_are_for_nobody_without_a_token(headers: dict[str, str]) -> None:
    async with asking(MemoryJobStore(), MemoryIdentityStore()) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == 401
