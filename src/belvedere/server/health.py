"""Whether the service lives, whether it can work, and its metrics."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from belvedere.contract.errors import AuthenticationError
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.permissions import Permission
from belvedere.lifecycle.clock import Clock
from belvedere.runtimes.base import Runtime
from belvedere.server.metrics import Metrics
from belvedere.service.strangers import Strangers
from belvedere.store.base import JobStore


def health_routes(
    store: JobStore, runtime: Runtime, metrics: Metrics, gatekeeper: Gatekeeper, strangers: Strangers, clock: Clock
) -> list[Route]:
    """``/healthz`` and ``/readyz`` are open and tell nothing else; ``/metrics`` wants a token."""

    async def alive(request: Request) -> Response:
        del request
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        """Ready while the database can be written to; a viewer host is started when a job needs one."""
        del request
        await store.beat(clock())
        return PlainTextResponse("ok\n")

    async def show_metrics(request: Request) -> Response:
        token = _token(request)
        try:
            who = await gatekeeper.principal_of_token(token, clock())
        except AuthenticationError as error:
            if token:
                await strangers.turned_away("token", request.client.host if request.client else "", error)
            raise
        who.require(Permission.READ_METRICS)
        return Response(await metrics.render(store, runtime), media_type="text/plain; version=0.0.4")

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", show_metrics)]


def _token(request: Request) -> str | None:
    """Prometheus sends ``Authorization: Bearer``; everybody else X-Auth-Token."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return request.headers.get("x-auth-token") or (bearer.strip() if scheme.lower() == "bearer" else None)
