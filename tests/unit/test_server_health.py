"""Ready means that a job could be created now."""

from datetime import datetime

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from belvedere.contract.errors import BelvedereError, Unavailable
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.rates import Rates
from belvedere.lifecycle.clock import utc_now
from belvedere.server.health import health_routes
from belvedere.server.metrics import Metrics
from belvedere.service.audit import Auditor
from belvedere.service.strangers import Strangers
from belvedere.testing.audit import MemoryAuditStore
from belvedere.testing.runtime import FakeRuntime
from belvedere.testing.store import MemoryIdentityStore, MemoryJobStore


class FullDisk(MemoryJobStore):
    async def beat(self, now: datetime) -> None:
        raise Unavailable("The database can't be used.")


async def status(request: Request, error: Exception) -> Response:
    assert isinstance(error, BelvedereError)
    return PlainTextResponse("", error.http_status)


@pytest.mark.parametrize(("store", "expected"), [(MemoryJobStore(), 200), (FullDisk(), 503)], ids=["well", "full"])
async def test_it_is_ready_while_the_database_can_be_written_to(store: MemoryJobStore, expected: int) -> None:
    identities = MemoryIdentityStore()
    strangers = Strangers(Rates(), identities.find_key, Auditor(MemoryAuditStore(), utc_now))
    routes = health_routes(store, FakeRuntime(), Metrics("0"), Gatekeeper(identities), strangers, utc_now)
    app = Starlette(routes=routes, exception_handlers={BelvedereError: status})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://s") as client:
        assert (await client.get("/readyz")).status_code == expected
        assert (await client.get("/healthz")).status_code == 200
