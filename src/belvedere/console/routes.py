"""The console's routes, on the API's origin: sign-in, the home page, and the way over to a viewer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.console.account_routes import KeyActions, Oneself, account_routes
from belvedere.console.assets import LONG_CACHING, asset_named
from belvedere.console.commands import create_by_curl, create_command, list_command
from belvedere.console.desk import RETURNS, SIGNED_OUT, STATIC, Desk, is_from_our_page, read_form, see_other
from belvedere.console.home import count_text, job_row
from belvedere.console.job_routes import JobActions, ShareActions, job_routes
from belvedere.console.new_job_routes import MakesJobs, new_job_routes
from belvedere.console.sessions import OURS, delete_cookie
from belvedere.console.share_routes import OpensShares, share_routes
from belvedere.contract.audit import TraceName
from belvedere.contract.errors import BelvedereError, WrongCredentials
from belvedere.contract.jobs import JobList
from belvedere.contract.listing import ValidList
from belvedere.identity.gatekeeper import SESSION_LIFE
from belvedere.identity.permissions import Permission
from belvedere.identity.records import NO_PROJECT, Caller, Principal, Project, SecretKind
from belvedere.runtimes.board import Board

_SHOWN = 50  # jobs on the home page


class Jobs(JobActions, MakesJobs, Protocol):
    """What the console needs of `service.jobs.JobService`."""

    async def list(self, who: Caller, request: ValidList) -> JobList: ...


class Shares(ShareActions, OpensShares, Protocol):
    """What the console needs of `service.shares.ShareService`."""


class Entrance(Protocol):
    """What the console needs of `service.tokens.TokenService`."""

    async def enter(self, name: str, password: str) -> Principal:
        """Raises WrongCredentials and Unavailable."""
        ...

    async def projects_of(self, who: Principal) -> Sequence[Project]: ...


def console_routes(
    *, jobs: Jobs, shares: Shares, entrance: Entrance, oneself: Oneself, keys: KeyActions, board: Board, desk: Desk
) -> list[Route]:
    """Routes to be put beside the API's."""
    console = _Console(jobs, entrance, board, desk)
    return [
        Route("/", console.home, methods=["GET"]),
        Route("/sign-in", console.sign_in, methods=["GET"]),
        Route("/sign-in", console.submit, methods=["POST"]),
        Route("/project", console.change_project, methods=["POST"]),
        Route("/sign-out", console.sign_out, methods=["POST"]),
        *new_job_routes(jobs, desk),
        *job_routes(jobs, shares, entrance.projects_of, board, desk),
        *share_routes(shares, desk),
        *account_routes(oneself, keys, desk),
        Route(STATIC + "{name}", static_file, methods=["GET"]),
    ]


async def static_file(request: Request) -> Response:
    """A style sheet, script or icon."""
    asset = asset_named(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    headers = {"Content-Type": asset.content_type, "Cache-Control": LONG_CACHING, "X-Content-Type-Options": "nosniff"}
    return Response(asset.body, headers=headers)


class _Console:
    def __init__(self, jobs: Jobs, entrance: Entrance, board: Board, desk: Desk) -> None:
        self._jobs = jobs
        self._entrance = entrance
        self._board = board
        self._desk = desk
        self._gatekeeper = desk.gatekeeper
        self._clock = desk.clock

    async def home(self, request: Request) -> Response:
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask("/", status=401)
        found = await self._jobs.list(who, ValidList(descending=True, per_page=_SHOWN))
        now, rules = self._clock(), self._desk.rules
        projects = await self._entrance.projects_of(who)
        return self._desk.page(
            "home.html",
            project_id=who.project_id,
            user=who.user,
            may_create=who.may(Permission.CREATE),
            projects=projects,
            project_name=next((each.name for each in projects if each.id == who.project_id), who.project_id),
            jobs=[job_row(job, self._board.get(job.job_id), now) for job in found.jobs],
            count_text=count_text(found),
            list_command=list_command(rules, who.project_id) if len(found.jobs) < found.job_total_count else "",
            example_logs=rules.example_logs,
            create_command=create_command(rules, who.project_id),
            needs_token=who.project_id != rules.first_project,
            create_by_curl=create_by_curl(rules, who.project_id),
        )

    async def sign_in(self, request: Request) -> Response:
        ticket = request.query_params.get("ticket")
        session = await self._redeemed(ticket) if ticket else None
        if session:
            return await self._desk.welcome(request, session, "/")
        if await self._desk.who(request):
            return see_other("/")
        if ticket:
            return self._desk.ask("/", status=401, error=_USED_TICKET)
        return self._desk.ask("/", status=200, notice="You are signed out." if "out" in request.query_params else "")

    async def submit(self, request: Request) -> Response:
        if not is_from_our_page(request):
            return self._desk.refused()
        fields = await read_form(request)
        target = _next_of(fields)
        try:
            session = await self._entered(fields)
        except BelvedereError as error:
            return self._desk.ask(target, status=error.http_status, error=error.message, user=fields.get("user", ""))
        return await self._desk.welcome(request, session, target)

    async def _entered(self, fields: Mapping[str, str]) -> str:
        """A session for whoever filled in the form. Raises WrongCredentials, Unavailable."""
        way = "token" if fields.get("token", "").strip() else "password"
        async with self._desk.audit.act(None, TraceName.LOGIN, signed_by=way):
            who = await self._who_enters(fields)
            return await self._gatekeeper.issue(SecretKind.SESSION, who, self._clock(), SESSION_LIFE)

    async def _who_enters(self, fields: Mapping[str, str]) -> Principal:
        """By token, or by name and password. Raises WrongCredentials, Unavailable."""
        token = fields.get("token", "").strip()
        if not token:
            return await self._entrance.enter(fields.get("user", "").strip(), fields.get("password", ""))
        who = await self._gatekeeper.principal_if_valid(token, self._clock())
        if who is None or who.project_id == NO_PROJECT:
            raise WrongCredentials(_WRONG_TOKEN)
        return who

    async def change_project(self, request: Request) -> Response:
        """Look at another of one's projects: by a session of its own, in place of the one before."""
        if not is_from_our_page(request):
            return self._desk.refused()
        who, fields = await self._desk.who(request), await read_form(request)
        wanted = fields.get("project", "")
        if who is None:
            return self._desk.ask("/", status=401)
        if wanted not in {project.id for project in await self._entrance.projects_of(who)}:
            return self._desk.message(404, "There is no such project", "Or you have no role in it.")
        there = Principal(user=who.user, project_id=wanted)
        async with self._desk.audit.act(who, TraceName.LOGIN, who.user, project_id=wanted):
            session = await self._gatekeeper.issue(SecretKind.SESSION, there, self._clock(), SESSION_LIFE)
        return await self._desk.welcome(request, session, _next_of(fields))

    async def _redeemed(self, ticket: str) -> str | None:
        """A session for a ticket to the console."""
        async with self._desk.audit.act(None, TraceName.LOGIN, signed_by="ticket") as act:
            session = await self._gatekeeper.redeem_ticket(ticket, self._clock())
            if session is None:
                act.refuse(WrongCredentials.code, "A sign-in link was used again, or has expired.")
        return session

    async def sign_out(self, request: Request) -> Response:
        """End this browser's session on the console. What it opened of viewers ends with it, within seconds."""
        if not is_from_our_page(request):
            return self._desk.refused()
        response = see_other(SIGNED_OUT)
        ours = {name: secret for name, secret in request.cookies.items() if OURS in name}
        who = await self._desk.who(request)
        if who is not None:
            async with self._desk.audit.act(who, TraceName.LOGOUT, who.user):
                await self._end(ours.values())
        for name in ours:
            response.headers.append("Set-Cookie", delete_cookie(name))
        return response

    async def _end(self, sessions: Iterable[str]) -> None:
        for secret in sessions:
            await self._gatekeeper.end_session(secret)


def _next_of(fields: Mapping[str, str]) -> str:
    """Where a form says that one wants to go afterwards, if that is one of our pages."""
    target = fields.get("next", "/")
    return target if RETURNS.fullmatch(target) else "/"


_USED_TICKET = "This link has been used, or its time is up. Sign in with the token instead."
_WRONG_TOKEN = "That token is not valid here. Check that it was copied whole, and from this service."  # noqa: S105 - a sentence
