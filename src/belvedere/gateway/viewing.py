"""A job's URL, once it is known who asks: the viewer, the page that stands in for it, or a script's patience."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
from aiohttp import web
from msgspec.structs import replace

from belvedere.contract.errors import IllegalState, NoSuchPath, NotFound, PermissionDenied, Unavailable
from belvedere.gateway import answers
from belvedere.gateway.bodies import LARGEST, LARGEST_QUESTION, Bodies
from belvedere.gateway.forwarding import Forwarder, Missed, Passage
from belvedere.gateway.places import Asker
from belvedere.gateway.routes import RouteMatch, without_parameter
from belvedere.gateway.rules import GatewayRules, is_navigation
from belvedere.gateway.shelf import Shelf
from belvedere.gateway.standing import JobView, Standing, endpoint_of, is_asleep, is_returning, standing_of, view_of
from belvedere.gateway.upstream import listens
from belvedere.gateway.use import OWN, PRESENT, STATE, UseSink, is_use
from belvedere.gateway.visitors import Visitor
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Caller, SignedBy
from belvedere.lifecycle.jobs import Job, Visibility
from belvedere.lifecycle.seen import Endpoint
from belvedere.runtimes.board import Board, Sighting

FindJob = Callable[[int], Awaitable[Job | None]]
_LOOK_AGAIN = 0.5  # seconds, while a viewer is said to be up and nobody listens
_MAIN = frozenset({"/", "/index.html"})
_RETRY_AFTER = 5.0  # seconds, told to scripts whose patience we have used up


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to the waiting page's question. `seen` goes into the next one, which is answered when it differs."""

    seen: str
    view: JobView


class Errand(NamedTuple):
    """A request to a viewer, and who it is that asks."""

    request: web.BaseRequest
    route: RouteMatch
    visitor: Visitor
    asker: Asker
    body: bytes | bytearray | None = None


class Viewing:
    """Answers requests for jobs' URLs."""

    def __init__(
        self,
        *,
        board: Board,
        find_job: FindJob,
        forwarder: Forwarder,
        shelf: Shelf,
        rules: GatewayRules,
        use: UseSink | None,
        reads_by_post: Callable[[str], frozenset[str]],
    ) -> None:
        self._board = board
        self._find_job = find_job
        self._forwarder = forwarder
        self._bodies = Bodies()
        self._shelf = shelf
        self._rules = rules
        self._use = use
        self._reads_by_post = reads_by_post

    async def answer(
        self, request: web.BaseRequest, route: RouteMatch, visitor: Visitor, asker: Asker
    ) -> web.StreamResponse:
        """The answer to someone who is known. Another project's job is absent to them."""
        who = visitor.principal
        sighting = await self._sighting(route, who)
        if sighting is None:
            return self.absent(request)
        if who.signed_by is SignedBy.SHARE and not self._is_look(request.method, route):
            return answers.problem(403, PermissionDenied.code, "This was opened by a share link, which is for looking.")
        if not route.rest:
            return _with_slash(request.raw_path)
        by_page = visitor.by_cookie and self._shelf.pages_poll(route.job_type)
        if self._use and is_use(request.method, route.rest, request.headers, by_cookie=by_page):
            self._use(route.job_id)
        if route.rest.startswith(OWN):
            return await self._own(request, route, who, sighting)
        if file := self._file(request, route, sighting, by_cookie=visitor.by_cookie):
            return file
        if is_navigation(request.method, request.headers):
            return await self._visit(Errand(request, route, visitor, asker), sighting)
        return await self._ask(Errand(request, route, visitor, asker), sighting)

    async def _ask(self, errand: Errand, sighting: Sighting) -> web.StreamResponse:
        request, route = errand.request, errand.route
        if not request.body_exists:
            return await self._serve(errand, self._board.get(route.job_id) or sighting)
        async with self._bodies.of(request, errand.asker, self._longest(route)) as body:
            if isinstance(body, web.Response):
                return body
            return await self._serve(errand._replace(body=body), self._board.get(route.job_id) or sighting)

    def _longest(self, route: RouteMatch) -> int:
        return LARGEST_QUESTION if route.rest in self._reads_by_post(route.job_type) else LARGEST

    def _is_look(self, method: str, route: RouteMatch) -> bool:
        """Whether a request reads only, beside saying that somebody looks."""
        if method in {"GET", "HEAD"}:
            return True
        return method == "POST" and (route.rest == PRESENT or route.rest in self._reads_by_post(route.job_type))

    async def is_open_to(self, route: RouteMatch, visitor: Visitor) -> bool:
        """Whether they may see the job."""
        return await self._sighting(route, visitor.principal) is not None

    def absent(self, request: web.BaseRequest) -> web.Response:
        """The one answer for what is not there, or is not the asker's."""
        if is_navigation(request.method, request.headers):
            return answers.not_found_page(self._rules)
        return answers.problem(404, NotFound.code, "There is no such job in this project.")

    def _file(
        self, request: web.BaseRequest, route: RouteMatch, sighting: Sighting, *, by_cookie: bool
    ) -> web.Response | None:
        """A file that is the same for all jobs: browsers are led to the one that they keep, scripts get it here."""
        found = self._shelf.below(route.job_type, route.rest) if request.method in {"GET", "HEAD"} else None
        if found is None or standing_of(sighting) in {Standing.ENDING, Standing.ENDED}:
            return None
        shared, file = found
        if not by_cookie:
            return answers.asset(file, request.headers, kept=False)
        return answers.elsewhere(self._rules.better_place(request.headers) + shared)

    async def _sighting(self, route: RouteMatch, who: Caller) -> Sighting | None:
        if route.project_id != who.project_id:
            return None
        sighting = self._board.get(route.job_id)
        if sighting is None:
            job = await self._find_job(route.job_id)
            # It may have been put on the board meanwhile; only then is there no gap before waiting for its change.
            sighting = self._board.get(route.job_id) or (Sighting(job=job) if job else None)
        return sighting if sighting and _may_see(sighting.job, route, who) else None

    async def _visit(self, errand: Errand, sighting: Sighting) -> web.StreamResponse:
        """A person comes: never an error, never a long wait without a page.

        A viewer that ran before is back so soon that a page about it would only flash by, so that is waited for.
        """
        clock, route, who = asyncio.get_running_loop().time, errand.route, errand.visitor.principal
        until = clock() + self._rules.hold
        now: Sighting | None = self._board.get(route.job_id) or sighting  # being used may have changed it already
        while now:
            answer = await self._show(errand, now)
            if not isinstance(answer, Missed | None):
                return answer
            is_moving = is_returning(now) or answer is Missed.AWAY
            if clock() >= until or not is_moving:
                told = _silent(now) if answer else now  # as its script will be told, or the two would chase each other
                is_guest = who.signed_by is SignedBy.SHARE
                return answers.job_page(self._rules, told.job, view_of(told), route, is_guest=is_guest)
            now = await self._next(route, who, min(until - clock(), _LOOK_AGAIN), wakes=True)
        return self.absent(errand.request)

    async def _show(self, errand: Errand, sighting: Sighting) -> web.StreamResponse | Missed | None:
        """The viewer's answer; or why there is none although it is said to be up; None where a page has to stand."""
        endpoint = endpoint_of(sighting)
        if endpoint is None:
            return None
        insists = errand.route.rest != "/" or _insists(errand.request.raw_path)
        if standing_of(sighting) is Standing.EMPTY and not insists:
            return None if await listens(endpoint.socket) else Missed.AWAY
        return await self._forward(errand, sighting.job, endpoint)

    async def _next(self, route: RouteMatch, who: Caller, seconds: float, *, wakes: bool) -> Sighting | None:
        """The sighting once it has changed. With `wakes`, a viewer that has fallen asleep meanwhile is woken."""
        await self._board.changed(route.job_id, seconds)
        sighting = await self._sighting(route, who)
        if self._use and wakes and sighting and is_asleep(sighting):
            self._use(route.job_id)
            return self._board.get(route.job_id) or sighting
        return sighting

    async def _serve(self, errand: Errand, now: Sighting) -> web.StreamResponse:
        """A script comes: it waits for the viewer while there is hope, and `patience` lasts.

        A page's own request does not wake a viewer, and waits shortly only: it may have come a moment before the page's
        word that it is visible.
        """
        clock = asyncio.get_running_loop().time
        began, route, visitor = clock(), errand.route, errand.visitor
        who = visitor.principal
        sighting: Sighting | None = now
        while sighting:
            endpoint = endpoint_of(sighting)
            if endpoint:
                answer = await self._forward(errand, sighting.job, endpoint)
                if not isinstance(answer, Missed):
                    return answer
                if answer is Missed.BROKEN:
                    return answers.problem(502, Unavailable.code, "The viewer ended before it had answered. Try again.")
            elif standing_of(sighting) is not Standing.COMING:
                return _over(sighting)
            waits_idly = visitor.by_cookie and is_asleep(sighting)
            left = began + (self._rules.linger if waits_idly else self._rules.patience) - clock()
            if left <= 0:
                return _not_yet(sighting)
            pause = min(left, _LOOK_AGAIN) if endpoint else left
            sighting = await self._next(route, who, pause, wakes=not visitor.by_cookie)
        return self.absent(errand.request)

    async def _forward(self, errand: Errand, job: Job, endpoint: Endpoint) -> web.StreamResponse | Missed:
        route = errand.route
        passage = Passage(
            socket=endpoint.socket,
            prefix=route.prefix,
            inner=endpoint.prefix,
            main_of=route.job_type if route.rest in _MAIN else "",
            console_origin=self._rules.console_origin,
            assets_origin=self._rules.origins.assets,
            is_secure=self._rules.origins.is_secure,
            job=job,
            asker=errand.asker,
            body=errand.body,
        )
        if passage.main_of:
            await self._shelf.loaded(passage.main_of)
        return await self._forwarder.forward(errand.request, passage)

    async def _own(self, request: web.BaseRequest, route: RouteMatch, who: Caller, sighting: Sighting) -> web.Response:
        if route.rest == PRESENT and request.method == "POST":
            return answers.nothing()
        if route.rest == STATE and request.method == "GET":
            return await self._state(request, route, who, sighting)
        return answers.problem(404, NoSuchPath.code, "There is nothing at this path.")

    async def _state(
        self, request: web.BaseRequest, route: RouteMatch, who: Caller, sighting: Sighting
    ) -> web.Response:
        known = without_parameter(request.raw_path.partition("?")[2], "seen")[1]
        state, doubtful = await _state_of(sighting)
        if state.seen == known:
            await self._board.changed(route.job_id, _LOOK_AGAIN if doubtful else self._rules.poll)
            now = await self._sighting(route, who)
            if now is None:
                return self.absent(request)
            state, _ = await _state_of(now)
        return answers.data(state)


async def _state_of(sighting: Sighting) -> tuple[State, bool]:
    """The state to tell; and whether the viewer is said to be up although nobody listens there."""
    endpoint = endpoint_of(sighting)
    doubtful = endpoint is not None and not await listens(endpoint.socket)
    view = view_of(_silent(sighting) if doubtful else sighting)
    return State(seen=hashlib.sha256(msgspec.json.encode(view)).hexdigest()[:16], view=view), doubtful


def _silent(sighting: Sighting) -> Sighting:
    return replace(sighting, seen=replace(sighting.seen, endpoint=None))


def _may_see(job: Job, route: RouteMatch, who: Caller) -> bool:
    theirs = who.may(Permission.GET) and job.project_id == who.project_id and job.job_type == route.job_type
    return theirs and (job.visibility is not Visibility.PRIVATE or job.owner == who.user)


def _insists(raw_path: str) -> bool:
    return without_parameter(raw_path.partition("?")[2], "belvedere")[1] == "anyway"


def _with_slash(raw_path: str) -> web.Response:
    path, mark, query = raw_path.partition("?")
    return answers.moved(f"{path}/{mark}{query}")


def _over(sighting: Sighting) -> web.Response:
    view = view_of(sighting)
    message = f"This job can't be open. job status: {view.status}. {view.sentence}"
    return answers.problem(409, IllegalState.code, message)


def _not_yet(sighting: Sighting) -> web.Response:
    view = view_of(sighting)
    message = _SLEEPS if is_asleep(sighting) else f"{view.title}. {view.sentence}"
    return answers.problem(503, Unavailable.code, message, retry_after=_RETRY_AFTER)


_SLEEPS = "The viewer sleeps while nobody looks. It wakes as soon as its page is opened or visible again."
