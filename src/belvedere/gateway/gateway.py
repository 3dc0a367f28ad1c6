"""The gateway: each request's way from the Host check to a viewer's bytes or to a page of ours."""

import time
from collections.abc import Mapping
from typing import Protocol

import structlog
from aiohttp import web

from belvedere.console.assets import asset_named
from belvedere.contract.errors import (
    AuthenticationError,
    InternalError,
    InvalidToken,
    MethodNotAllowed,
    NoSuchPath,
    PermissionDenied,
    RequestError,
)
from belvedere.gateway import answers
from belvedere.gateway.documents import Documents
from belvedere.gateway.forwarding import Forwarder
from belvedere.gateway.routes import RouteMatch, match_route
from belvedere.gateway.rules import METHODS, GatewayRules, is_allowed_host, is_navigation, may_act
from belvedere.gateway.shelf import ASSETS, Shelf
from belvedere.gateway.signing_in import SigningIn, ticket_of
from belvedere.gateway.use import UseSink
from belvedere.gateway.viewing import FindJob, Viewing
from belvedere.gateway.visitors import Visitor, Visitors
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.lifecycle.clock import Clock
from belvedere.runtimes.board import Board
from belvedere.viewers.base import ViewerType
from belvedere.viewers.registry import viewer_types

_log = structlog.get_logger("belvedere.gateway")


class Observer(Protocol):
    """Told of each request when it is over: its job (None: none), the answer's status, the seconds it took."""

    def __call__(self, job_id: int | None, status: int, seconds: float) -> None: ...


def create_gateway(
    *,
    board: Board,
    gatekeeper: Gatekeeper,
    find_job: FindJob,
    clock: Clock,
    rules: GatewayRules,
    observer: Observer | None = None,
    use: UseSink | None = None,
    viewers: Mapping[str, ViewerType] | None = None,
) -> "Gateway":
    """A gateway, to be made and closed inside a running event loop.

    `use` is told which jobs' viewers are looked at. `viewers`: by job type; None for all that are installed.
    """
    shelf = Shelf(viewer_types() if viewers is None else viewers)
    forwarder = Forwarder(Documents(answers.STATIC, shelf.shared))
    return Gateway(
        viewing=Viewing(board=board, find_job=find_job, forwarder=forwarder, shelf=shelf, rules=rules, use=use),
        visitors=Visitors(gatekeeper, clock, rules),
        signing_in=SigningIn(gatekeeper, clock, rules),
        forwarder=forwarder,
        shelf=shelf,
        rules=rules,
        observer=observer,
    )


class Gateway:
    """Everything behind the viewers' origin."""

    def __init__(
        self,
        *,
        viewing: Viewing,
        visitors: Visitors,
        signing_in: SigningIn,
        forwarder: Forwarder,
        shelf: Shelf,
        rules: GatewayRules,
        observer: Observer | None,
    ) -> None:
        self._viewing = viewing
        self._visitors = visitors
        self._signing_in = signing_in
        self._forwarder = forwarder
        self._shelf = shelf
        self._rules = rules
        self._observer = observer

    def runner(self, *, shutdown_timeout: float = 4.0) -> web.ServerRunner:
        """A runner to `setup`, put sites on and `cleanup`.

        aiohttp's plain server, without its router, which costs time and takes paths apart in its own way. Bodies pass
        as they are encoded, and a browser that hangs up cancels its request.
        """
        server = web.Server(self.handle, handler_cancellation=True, auto_decompress=False, access_log=None)
        return web.ServerRunner(server, shutdown_timeout=shutdown_timeout)

    async def loaded(self) -> None:
        """Wait until the viewers' static files are served from here."""
        await self._shelf.loaded()

    async def close(self) -> None:
        """Give up the connections to viewers."""
        await self._forwarder.close()
        await self._shelf.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        began = time.perf_counter()
        route = match_route(request.raw_path.partition("?")[0])
        try:
            response = await self._answer(request, route)
        except ConnectionError:
            raise  # the browser is gone
        except Exception:  # the last resort: whatever is wrong with us, no trace of it goes out
            if request.writer.output_size:
                raise  # amid an answer; the server cuts the connection
            _log.exception("request failed", job_id=route.job_id if route else None)
            response = answers.problem(
                500, InternalError.code, "This service failed at it. Ask the operator for the log."
            )
        if self._observer is not None:
            self._observer(route.job_id if route else None, response.status, time.perf_counter() - began)
        return response

    async def _answer(self, request: web.BaseRequest, route: RouteMatch | None) -> web.StreamResponse:
        return _refusal(request, self._rules) or await self._public(request) or await self._inside(request, route)

    async def _public(self, request: web.BaseRequest) -> web.Response | None:
        """What needs no session: our own style sheets and scripts, and the sign-in form's target."""
        path = request.raw_path.partition("?")[0]
        if path == answers.SIGN_IN and request.method == "POST":
            return await self._signing_in.by_form(request)
        if path.startswith(answers.STATIC) and request.method in {"GET", "HEAD"}:
            asset = asset_named(path.removeprefix(answers.STATIC))
            return answers.static_file(asset) if asset else None
        return None

    async def _inside(self, request: web.BaseRequest, route: RouteMatch | None) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        ticket, target = ticket_of(request.method, path, query) if route else (None, "")
        if ticket is not None and (welcome := await self._signing_in.by_ticket(ticket, target)):
            return welcome
        visitor = await self._visitors.identify(request.headers)
        if visitor is None:
            return self._stranger(request, route, target, used_ticket=ticket is not None)
        if ticket is not None:
            return answers.see_other(target)
        return await self._known(request, route, visitor)

    async def _known(self, request: web.BaseRequest, route: RouteMatch | None, visitor: Visitor) -> web.StreamResponse:
        if visitor.by_cookie and not may_act(request.method, request.headers):
            return answers.problem(
                403, PermissionDenied.code, "This was sent by another site's page. Send it from the viewer's own."
            )
        if route:
            return await self._viewing.answer(request, route, visitor)
        if is_navigation(request.method, request.headers):
            at_root = request.raw_path == "/"
            return answers.see_other(f"{self._rules.console_origin}/") if at_root else self._viewing.absent(request)
        return await self._file(request) or answers.problem(404, NoSuchPath.code, "Nothing is at this path.")

    async def _file(self, request: web.BaseRequest) -> web.Response | None:
        if request.method not in {"GET", "HEAD"}:
            return None
        path = request.raw_path.partition("?")[0]
        await self._shelf.loaded()
        is_shared = path.startswith(ASSETS)
        file = self._shelf.at(path) if is_shared else self._shelf.at_root(path)
        return answers.asset(file, request.headers, kept=True) if file else None

    def _stranger(
        self, request: web.BaseRequest, route: RouteMatch | None, target: str, *, used_ticket: bool
    ) -> web.Response:
        if is_navigation(request.method, request.headers):
            error = "This link has been used, or its time is up. Sign in here instead." if used_ticket else ""
            job_id = route.job_id if route else None
            return answers.sign_in_page(self._rules, target=target, job_id=job_id, error=error)
        if "X-Auth-Token" in request.headers:
            return answers.problem(401, InvalidToken.code, "The token in the X-Auth-Token header is not valid here.")
        return answers.problem(
            401, AuthenticationError.code, "Nobody is signed in: send a token in the X-Auth-Token header."
        )


def _refusal(request: web.BaseRequest, rules: GatewayRules) -> web.Response | None:
    """An answer to what nobody may send."""
    if request.method not in METHODS:
        return answers.problem(405, MethodNotAllowed.code, "No viewer is asked with this method.")
    if not is_allowed_host(request.headers, rules):
        message = (
            "This service does not go by the name in the Host header. Use its public URL, "
            "or add the name to the allowed hosts in its settings."
        )
        return answers.problem(421, RequestError.code, message)
    if not request.raw_path.startswith("/") or request.headers.get("Upgrade", "").lower() == "websocket":
        return answers.problem(400, RequestError.code, "Ask for a plain path, by plain HTTP.")
    return None
