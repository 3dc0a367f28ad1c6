"""The console's routes, on the API's origin: sign-in, the home page, and the way over to a viewer."""

import re
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from belvedere.console.assets import LONG_CACHING, asset_named
from belvedere.console.forms import LARGEST_FORM, form_fields, is_same_origin
from belvedere.console.home import count_text, job_row
from belvedere.console.pages import page_headers, render
from belvedere.console.sessions import OURS, console_cookie, delete_cookie, set_cookie
from belvedere.contract.errors import NotFound
from belvedere.contract.jobs import JobList, Ticket
from belvedere.contract.limits import JOB_ID
from belvedere.contract.listing import ValidList
from belvedere.identity.gatekeeper import SESSION_LIFE, Gatekeeper
from belvedere.identity.records import Principal, SecretKind
from belvedere.lifecycle.clock import Clock

_STATIC = "/static/"
_SHOWN = 50  # jobs on the home page
_RETURNS = re.compile(r"/(?:jobs/[1-9][0-9]{0,18}/open)?")  # where a sign-in may lead back to


class ConsoleRules(msgspec.Struct, frozen=True, kw_only=True):
    """Origins as browsers see them, ``scheme://host[:port]``."""

    public_origin: str
    viewer_origin: str

    @property
    def cookie(self) -> str:
        """The session cookie's name."""
        return console_cookie(secure=self.public_origin.startswith("https://"))


class Jobs(Protocol):
    """What the console needs of `service.jobs.JobService`."""

    async def list(self, who: Principal, request: ValidList) -> JobList: ...

    async def ticket(self, who: Principal, job_id: int | None) -> Ticket: ...


def console_routes(*, jobs: Jobs, gatekeeper: Gatekeeper, clock: Clock, rules: ConsoleRules) -> list[Route]:
    """Routes to be put beside the API's."""
    console = _Console(jobs, gatekeeper, clock, rules)
    return [
        Route("/", console.home, methods=["GET"]),
        Route("/sign-in", console.sign_in, methods=["GET"]),
        Route("/sign-in", console.submit_token, methods=["POST"]),
        Route("/sign-out", console.sign_out, methods=["POST"]),
        Route("/jobs/{job_id}/open", console.open_job, methods=["GET"]),
        Route(_STATIC + "{name}", static_file, methods=["GET"]),
    ]


async def static_file(request: Request) -> Response:
    """A style sheet, script or icon."""
    asset = asset_named(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    headers = {"Content-Type": asset.content_type, "Cache-Control": LONG_CACHING, "X-Content-Type-Options": "nosniff"}
    return Response(asset.body, headers=headers)


class _Console:
    def __init__(self, jobs: Jobs, gatekeeper: Gatekeeper, clock: Clock, rules: ConsoleRules) -> None:
        self._jobs = jobs
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._rules = rules

    async def home(self, request: Request) -> Response:
        who = await self._who(request)
        if who is None:
            return self._ask("/", status=401)
        found = await self._jobs.list(who, ValidList(descending=True, per_page=_SHOWN))
        now = self._clock()
        return self._page(
            "home.html",
            project_id=who.project_id,
            jobs=[job_row(job, now) for job in found.jobs],
            count_text=count_text(found),
            api=self._rules.public_origin,
        )

    async def sign_in(self, request: Request) -> Response:
        ticket = request.query_params.get("ticket")
        session = await self._gatekeeper.redeem_ticket(ticket, self._clock()) if ticket else None
        if session:
            return self._welcome(session, "/")
        if await self._who(request):
            return _see_other("/")
        return self._ask("/", status=401, error=_USED_TICKET) if ticket else self._ask("/", status=200)

    async def submit_token(self, request: Request) -> Response:
        if not _from_our_page(request):
            return self._refused()
        fields = form_fields(await _body(request))
        target = fields.get("next", "/")
        target = target if _RETURNS.fullmatch(target) else "/"
        who = await self._gatekeeper.principal_if_valid(fields.get("token", "").strip(), self._clock())
        if who is None:
            return self._ask(target, status=401, error=_WRONG_TOKEN)
        session = await self._gatekeeper.issue(SecretKind.SESSION, who, self._clock(), SESSION_LIFE)
        return self._welcome(session, target)

    async def sign_out(self, request: Request) -> Response:
        """End this browser's sessions: the console's, and the viewers' where they share the host name."""
        if not _from_our_page(request):
            return self._refused()
        response = _see_other("/")
        for name, secret in request.cookies.items():
            if OURS in name:
                await self._gatekeeper.end_session(secret)
                response.headers.append("Set-Cookie", delete_cookie(name))
        return response

    async def open_job(self, request: Request) -> Response:
        """Over to the viewers' origin, with a ticket, so that the person is signed in there as well."""
        who = await self._who(request)
        if who is None:
            return self._ask(request.url.path, status=401)
        try:
            ticket = await self._jobs.ticket(who, _job_id(request.path_params["job_id"]))
        except NotFound:
            return self._message(404, "There is no such job", "It may have been deleted.")
        return _see_other(ticket.url)

    async def _who(self, request: Request) -> Principal | None:
        return await self._gatekeeper.principal_of_session(request.cookies.get(self._rules.cookie), self._clock())

    def _welcome(self, session: str, target: str) -> Response:
        response = _see_other(target)
        # Strict: nothing on this origin has to be reached by another site's link while signed in.
        response.headers["Set-Cookie"] = set_cookie(self._rules.cookie, session, same_site="Strict")
        return response

    def _ask(self, target: str, *, status: int, error: str = "") -> Response:
        return self._page(
            "sign-in.html",
            status=status,
            purpose="Paste this service’s token once; this browser then stays signed in for a week.",
            action="/sign-in",
            next=target if _RETURNS.fullmatch(target) else "/",
            error=error,
            job_id=None,
        )

    def _refused(self) -> Response:
        return self._message(403, "That came from elsewhere", "This form works from this service’s own pages only.")

    def _message(self, status: int, title: str, text: str) -> Response:
        return self._page("message.html", status=status, title=title, text=text, link="/", link_text="See all jobs")

    def _page(self, template: str, *, status: int = 200, **values: object) -> Response:
        # Signing in may lead on to a viewer, and browsers hold redirects of a form to the form's policy.
        headers = page_headers(form_targets=f"'self' {self._rules.viewer_origin}")
        text = render(template, static=_STATIC, console="/", **values)
        return HTMLResponse(text, status_code=status, headers=headers)


def _see_other(location: str) -> Response:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(location, status_code=303, headers=headers)


def _from_our_page(request: Request) -> bool:
    headers = request.headers
    return is_same_origin(
        site=headers.get("Sec-Fetch-Site"), origin=headers.get("Origin"), host=headers.get("Host", "")
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            break
    return bytes(body)


def _job_id(text: str) -> int | None:
    number = int(text) if re.fullmatch(r"[0-9]{1,19}", text, re.ASCII) else 0
    return number if 0 < number <= JOB_ID else None


_USED_TICKET = "This link has been used, or its time is up. Sign in with the token instead."
_WRONG_TOKEN = "That token is not valid here. Check that it was copied whole, and from this service."  # noqa: S105 - a sentence
