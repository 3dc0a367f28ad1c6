"""The gateway: each request's way from the Host check to a viewer's bytes or to a page of ours."""

import functools
import time
from typing import Final, Protocol

import structlog
from aiohttp import web

from belvedere.console.assets import asset_named
from belvedere.console.jar import emptying, is_too_full, same_place
from belvedere.contract.errors import (
    AuthenticationError,
    InternalError,
    NoSuchPath,
    PermissionDenied,
    RequestError,
)
from belvedere.gateway import answers
from belvedere.gateway.bodies import LARGEST
from belvedere.gateway.documents import Documents
from belvedere.gateway.entering import Entering, opener, ticket_of
from belvedere.gateway.forwarding import Forwarder
from belvedere.gateway.guard import Guard, Threshold
from belvedere.gateway.headers import HTTPS_ONLY
from belvedere.gateway.listening import Listening
from belvedere.gateway.routes import RouteMatch, match_route
from belvedere.gateway.rules import (
    METHODS,
    GatewayRules,
    Place,
    host_name,
    is_embedded,
    is_navigation,
    is_service_worker,
    may_act,
    place_of,
)
from belvedere.gateway.shelf import ASSETS, Shelf, viewer_of
from belvedere.gateway.use import UseSink
from belvedere.gateway.viewing import FindJob, Viewing
from belvedere.gateway.visitors import Visitors
from belvedere.gateway.watching import Watch
from belvedere.identity.crowds import Crowd
from belvedere.identity.signatures import is_signed
from belvedere.runtimes.board import Board
from belvedere.viewers.base import ReadsByPost
from belvedere.viewers.environments import Environments
from belvedere.viewers.registry import viewer_types

_log = structlog.get_logger("belvedere.gateway")


class Observer(Protocol):
    """Told of each request when it is over: its job (None: none), the answer's status, the seconds it took."""

    def __call__(self, job_id: int | None, status: int, seconds: float) -> None: ...


def create_gateway(
    *,
    board: Board,
    threshold: Threshold,
    find_job: FindJob,
    rules: GatewayRules,
    observer: Observer | None = None,
    use: UseSink | None = None,
    environments: Environments,
) -> "Gateway":
    """A gateway, to be made and closed inside a running event loop.

    `use` is told which jobs' viewers are looked at. `environments`: of viewers that are installed.
    """
    passes, clock = threshold.passes, threshold.clock
    viewers = functools.partial(viewer_types, environments)
    shelf = Shelf(viewers, environments, rules.origins.assets)
    forwarder = Forwarder(Documents(answers.STATIC, shelf.shared))
    return Gateway(
        viewing=Viewing(
            board=board,
            find_job=find_job,
            forwarder=forwarder,
            shelf=shelf,
            rules=rules,
            use=use,
            reads_by_post=lambda job_type: post_reads(viewers().get(job_type)),
        ),
        visitors=Visitors(passes, clock, rules),
        entering=Entering(passes, clock, rules),
        forwarder=forwarder,
        shelf=shelf,
        rules=rules,
        guard=threshold.guard,
        observer=observer,
    )


def post_reads(viewer: object) -> frozenset[str]:
    """Where a POST to such a viewer changes nothing."""
    return viewer.post_reads if isinstance(viewer, ReadsByPost) else frozenset()


class Gateway:
    """Everything behind the viewers' origins."""

    def __init__(
        self,
        *,
        viewing: Viewing,
        visitors: Visitors,
        entering: Entering,
        forwarder: Forwarder,
        shelf: Shelf,
        rules: GatewayRules,
        guard: Guard,
        observer: Observer | None,
    ) -> None:
        self._viewing = viewing
        self._visitors = visitors
        self._entering = entering
        self._forwarder = forwarder
        self._shelf = shelf
        self._rules = rules
        self._guard = guard
        self._observer = observer
        self._watch = Watch(self._is_welcome)

    def runner(self, *, shutdown_timeout: float = 4.0, crowd: Crowd | None = None) -> web.ServerRunner:
        """A runner to `setup`, put sites on and `cleanup`. `crowd`: who may hold how many connections."""
        return web.ServerRunner(Listening(self.handle, crowd or Crowd()), shutdown_timeout=shutdown_timeout)

    async def loaded(self) -> None:
        """Wait until the viewers' static files are served from here."""
        await self._shelf.loaded()

    async def close(self) -> None:
        """Give up the connections to viewers."""
        await self._watch.close()
        await self._forwarder.close()
        await self._shelf.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        began = time.perf_counter()
        route = match_route(request.raw_path.partition("?")[0])
        try:
            response = self._guard.hold(request) or await self._answer(request, route)
        except ConnectionError:
            raise  # the browser is gone
        except Exception:  # the last resort: whatever is wrong with us, no trace of it goes out
            if request.writer.output_size:
                raise  # amid an answer; the server cuts the connection
            _log.exception("request failed", job_id=route.job_id if route else None)
            response = answers.problem(
                500, InternalError.code, "This service failed at it. Ask the operator for the log."
            )
        if self._rules.origins.is_secure and not response.prepared:
            response.headers.update(HTTPS_ONLY)
        if self._observer is not None:
            self._observer(route.job_id if route else None, response.status, time.perf_counter() - began)
        return response

    async def _answer(self, request: web.BaseRequest, route: RouteMatch | None) -> web.StreamResponse:
        place = place_of(request.headers, self._rules)
        if place is None:
            return answers.problem(421, RequestError.code, _NOT_OUR_NAME)
        if refusal := _refusal(request) or self._empty_jar(request):
            return refusal
        if place.has_files_only and request.method not in {"GET", "HEAD"}:
            return answers.wrong_method("Files are only read.", "GET, HEAD")
        if route is not None and place.has_files_only:
            return answers.problem(421, RequestError.code, _NO_JOBS)
        if route is not None and place.job_id not in {None, route.job_id}:
            return self._another_jobs(request)
        if route is None:
            return await self._outside(request, place)
        return await self._inside(request, route, place)

    def _empty_jar(self, request: web.BaseRequest) -> web.Response | None:
        """To a browser that brings more cookies than anybody has use for: without them, a person at once once more."""
        cookies = request.headers.getall("Cookie", ())
        if not is_too_full(cookies):
            return None
        path, name = request.raw_path, host_name(request.headers["Host"])
        is_person = is_navigation(request.method, request.headers)
        response = answers.see_other(same_place(path)) if is_person else answers.problem(431, RequestError.code, _JAR)
        for header, line in emptying(cookies, name, path, secure=self._rules.origins.is_secure):
            response.headers.add(header, line)
        return response

    def _another_jobs(self, request: web.BaseRequest) -> web.Response:
        """A person who mixed two addresses up sees the way home; nothing tells whether there is such a job."""
        if is_navigation(request.method, request.headers):
            return answers.wrong_origin_page(self._rules)
        return answers.problem(421, RequestError.code, _NOT_THIS_JOBS)

    async def _outside(self, request: web.BaseRequest, place: Place) -> web.Response:
        """What belongs to no job: files of ours and of viewers, which are the same for everybody."""
        path = request.raw_path.partition("?")[0]
        if request.method in {"GET", "HEAD"}:
            if path.startswith(answers.STATIC) and (own := asset_named(path.removeprefix(answers.STATIC))):
                return answers.static_file(own)
            if is_navigation(request.method, request.headers):
                return self._lead_away(path, place)
            if answer := await self._file(request, path, place):
                return answer
        if await self._visitors.identify(request.headers, None) is None:
            return await self._unknown(request)
        return answers.problem(404, NoSuchPath.code, "Nothing is at this path.")

    def _lead_away(self, path: str, place: Place) -> web.Response:
        if path != "/":
            return answers.not_found_page(self._rules)
        page = f"jobs/{place.job_id}" if place.job_id else ""
        return answers.see_other(f"{self._rules.console_origin}/{page}")

    async def _file(self, request: web.BaseRequest, path: str, place: Place) -> web.Response | None:
        is_shared = path.startswith(ASSETS)
        await self._shelf.loaded(viewer_of(path) if is_shared else "")
        found = self._shelf.at(path) if is_shared else self._shelf.at_root(path)
        if found is None:
            return None
        shared, file = found
        if not place.has_files_only and not is_shared and (better := self._rules.better_place(request.headers)):
            return answers.elsewhere(better + shared)
        return answers.asset(file, request.headers, kept=True, for_all_jobs=place.has_files_only)

    async def _inside(self, request: web.BaseRequest, route: RouteMatch, place: Place) -> web.StreamResponse:
        takes_sessions = self._rules.takes_sessions(place)
        visitor = await self._visitors.identify(request.headers, route if takes_sessions else None)
        path, _, query = request.raw_path.partition("?")
        ticket, target = ticket_of(request.method, path, query)
        if takes_sessions and ticket is not None:
            welcome = await self._entering.by_ticket(ticket, route, target)
            if welcome or visitor:
                return welcome or answers.see_other(target)
        if visitor is None:
            used_link = takes_sessions and ticket is not None  # elsewhere nobody has looked at it
            return await self._stranger(request, route, target, place, used_link=used_link)
        asker = self._guard.asker(request, visitor)
        if held := self._guard.hold_asker(asker):
            return held
        if visitor.by_cookie and not may_act(request.method, request.headers):
            return answers.problem(403, PermissionDenied.code, _FROM_ANOTHER_SITE)
        self._watch.begin(request, route)
        try:
            return await self._viewing.answer(request, route, visitor, asker)
        finally:
            self._watch.end(request)

    async def _is_welcome(self, request: web.BaseRequest, route: RouteMatch) -> bool:
        place = place_of(request.headers, self._rules)
        takes_sessions = place is not None and self._rules.takes_sessions(place)
        visitor = await self._visitors.identify(request.headers, route if takes_sessions else None)
        return visitor is not None and await self._viewing.is_open_to(route, visitor)

    async def _stranger(
        self, request: web.BaseRequest, route: RouteMatch, target: str, place: Place, *, used_link: bool
    ) -> web.Response:
        """Who is nobody yet: people are led to where they can say who they are, scripts are told."""
        if not is_navigation(request.method, request.headers) or "X-Auth-Token" in request.headers:
            return await self._unknown(request, used_link=used_link)
        if not self._rules.takes_sessions(place):
            return answers.see_other(f"{self._rules.origins.of(route.job_id)}{request.raw_path}")
        if is_embedded(request.headers):
            return answers.stranger_page(self._rules, opener(self._rules.console_origin, route, target))
        return self._entering.by_console(route, target, used_link=used_link)

    async def _unknown(self, request: web.BaseRequest, *, used_link: bool = False) -> web.Response:
        if "X-Auth-Token" in request.headers:
            return await self._guard.turn_away(request)
        is_signed_request = is_signed(request.headers.get("Authorization", ""))
        why = _USED_LINK if used_link else _BY_LINK if is_signed_request else _NOBODY
        return answers.problem(401, AuthenticationError.code, why)


_USED_LINK: Final = (
    "This link has been used, or its time is up: it works once, and not for long. Get another one by "
    "`belvedere job open` or POST …/{job_id}/ticket, or send a token in the X-Auth-Token header."
)
_NOBODY: Final = "Nobody is signed in: send a token in the X-Auth-Token header."
_BY_LINK: Final = (
    "Signatures are taken by the API alone. Ask it for a link to this job, by POST …/{job_id}/ticket, and follow that, "
    "or send a token in the X-Auth-Token header."
)


_NOT_OUR_NAME: Final = (
    "This service does not go by the name in the Host header. Use its public URL, "
    "or add the name to the allowed hosts in its settings."
)
_JAR: Final = (
    "There are so many cookies of this site, or so large ones, that nothing else fits. They are taken away. Try again."
)
_NO_JOBS: Final = (
    "This is the origin of files that all jobs have. Ask for each job at its own origin, or at the shared one."
)
_NOT_THIS_JOBS: Final = "This is the origin of another job. Ask for each job at its own origin, or at the shared one."
_FROM_ANOTHER_SITE: Final = "This was sent by another site's page. Send it from the viewer's own."


def _refusal(request: web.BaseRequest) -> web.Response | None:
    """An answer to what nobody may send."""
    if request.method not in METHODS:
        return answers.wrong_method("No viewer is asked with this method.", ", ".join(sorted(METHODS)))
    if not request.raw_path.startswith("/") or request.headers.get("Upgrade", "").lower() == "websocket":
        return answers.problem(400, RequestError.code, "Ask for a plain path, by plain HTTP.")
    if request.body_exists and request.method in {"GET", "HEAD"}:
        return answers.unwanted_body()
    if (request.content_length or 0) > LARGEST:  # a length that is none has been refused by the parser
        return answers.too_large(LARGEST)
    if is_service_worker(request.headers):
        return answers.problem(403, PermissionDenied.code, "No service worker is installed here.")
    return None
