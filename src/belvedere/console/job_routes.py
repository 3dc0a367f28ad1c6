"""A job's own page, its buttons, and the way over to its viewer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.console.commands import logs_command
from belvedere.console.desk import Desk, is_from_our_page, is_of_ones_own_accord, job_id_of, read_form, see_other
from belvedere.console.job_facts import LOG_LINES, happenings, job_facts, log_text, refusal_text
from belvedere.console.share_words import LIVES, share_request, share_rows
from belvedere.contract.errors import Conflict, IllegalState, NotFound, PermissionDenied, RequestError
from belvedere.contract.jobs import JobDetails, JobEvents, JobLogs, Success, Ticket
from belvedere.contract.shares import ShareCreated, ShareList, ValidShare, share_id
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Basis, Caller, Principal, Project
from belvedere.lifecycle.status import Verb
from belvedere.runtimes.board import Board

USED_LINK: Final = "That link has been used, or its time is up. Sign in instead."
_BUTTONS = frozenset({Verb.STOP, Verb.RESTART, Verb.DELETE})


class JobActions(Protocol):
    """What a job's page needs of `service.jobs.JobService`."""

    async def details(self, who: Caller, job_id: int | None) -> tuple[JobDetails, int]: ...

    async def elsewhere(self, who: Caller, job_id: int | None) -> str | None: ...

    async def act(self, who: Caller, job_id: int | None, verb: Verb) -> int: ...

    async def events(self, who: Caller, job_id: int | None) -> JobEvents: ...

    async def logs(self, who: Caller, job_id: int | None, tail: int) -> JobLogs: ...

    async def ticket(
        self, who: Caller, job_id: int | None, *, basis: Basis | None = None, rest: str = "/"
    ) -> Ticket: ...


class ShareActions(Protocol):
    """What a job's page needs of `service.shares.ShareService`."""

    async def create(self, who: Caller, job_id: int | None, request: ValidShare) -> ShareCreated: ...

    async def list(self, who: Caller, job_id: int | None) -> ShareList: ...

    async def revoke(self, who: Caller, job_id: int | None, share_id: str) -> Success: ...


ProjectsOf = Callable[[Principal], Awaitable[Sequence[Project]]]


def job_routes(
    jobs: JobActions, shares: ShareActions, projects_of: ProjectsOf, board: Board, desk: Desk
) -> list[Route]:
    """The routes below /jobs/{job_id}."""
    pages = _JobPages(jobs, shares, projects_of, board, desk)
    return [
        Route("/jobs/{job_id}", pages.look, methods=["GET"]),
        Route("/jobs/{job_id}/open", pages.open, methods=["GET"]),
        Route("/jobs/{job_id}/delete", pages.confirm_deletion, methods=["GET"]),
        Route("/jobs/{job_id}/shares", pages.share, methods=["POST"]),
        Route("/jobs/{job_id}/shares/{share_id}/revoke", pages.revoke, methods=["POST"]),
        Route("/jobs/{job_id}/{verb}", pages.act, methods=["POST"]),
    ]


class _JobPages:
    def __init__(
        self, jobs: JobActions, shares: ShareActions, projects_of: ProjectsOf, board: Board, desk: Desk
    ) -> None:
        self._jobs = jobs
        self._shares = shares
        self._projects_of = projects_of
        self._board = board
        self._desk = desk

    async def look(self, request: Request) -> Response:
        """The job's page."""
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(request.url.path, status=401)
        return await self._page(who, job_id_of(request))

    async def open(self, request: Request) -> Response:
        """Over to the job's own origin, with a ticket, so that the person is signed in there as well.

        `to` is the place in the viewer that they wanted to see; `link=used`: they came by a ticket that is no good.
        """
        rest, target = request.query_params.get("to", "/"), _target_of(request)
        who = await self._desk.who(request)
        if who is None:
            error = USED_LINK if request.query_params.get("link") == "used" else ""
            return self._desk.ask(target, status=401, error=error)
        if self._desk.rules.viewers_share_origin and not is_of_ones_own_accord(request):
            return await self._ask_whether_to_open(who, request)
        try:
            ticket = await self._jobs.ticket(who, job_id_of(request), basis=self._desk.basis(request), rest=rest)
        except NotFound:
            return await self._absent(who, job_id_of(request), target)
        return see_other(ticket.url)

    async def _ask_whether_to_open(self, who: Caller, request: Request) -> Response:
        """A script in another job's page may have led here, to read what would open: only a person can go on."""
        try:
            job, _ = await self._jobs.details(who, job_id_of(request))
        except NotFound:
            return await self._absent(who, job_id_of(request), _target_of(request))
        link = _target_of(request)
        text = "A link on another page led here. Go on if you meant to."
        return self._desk.page(
            "message.html", title=f"Open {job.job_name}?", text=text, link=link, link_text=f"Open {job.job_name}"
        )

    async def confirm_deletion(self, request: Request) -> Response:
        """The page that asks whether it is meant."""
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(request.url.path, status=401)
        try:
            job, _ = await self._jobs.details(who, job_id_of(request))
        except NotFound:
            return await self._absent(who, job_id_of(request), request.url.path)
        return self._desk.page("delete.html", user=who.user, job=job_facts(job, self._board.get(job.job_id)))

    async def act(self, request: Request) -> Response:
        """What a button says; then the page that shows what came of it."""
        if not is_from_our_page(request):
            return self._desk.refused()
        job_id, word = job_id_of(request), request.path_params["verb"]
        if word not in _BUTTONS:
            return self._desk.message(404, "There is no such page", "A job can be stopped, restarted and deleted.")
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(f"/jobs/{job_id}", status=401)
        return await self._act(who, job_id, Verb(word))

    async def share(self, request: Request) -> Response:
        """A new share link; the page that shows it, this once."""
        if not is_from_our_page(request):
            return self._desk.refused()
        job_id, who = job_id_of(request), await self._desk.who(request)
        if who is None:
            return self._desk.ask(f"/jobs/{job_id}", status=401)
        try:
            made = await self._shares.create(who, job_id, share_request(await read_form(request)))
        except NotFound:
            return await self._absent(who, job_id, f"/jobs/{job_id}")
        except (RequestError, PermissionDenied) as error:
            return await self._page(who, job_id, problem=error.message, status=error.http_status)
        return await self._page(who, job_id, new_link=made.url)

    async def revoke(self, request: Request) -> Response:
        """End a share link."""
        if not is_from_our_page(request):
            return self._desk.refused()
        job_id, who = job_id_of(request), await self._desk.who(request)
        if who is None:
            return self._desk.ask(f"/jobs/{job_id}", status=401)
        try:
            await self._shares.revoke(who, job_id, share_id(request.path_params["share_id"]))
        except NotFound:
            pass  # somebody else has revoked it, which is what was wanted; a job that isn't there is told there
        except PermissionDenied as error:
            return await self._page(who, job_id, problem=error.message, status=error.http_status)
        return see_other(f"/jobs/{job_id}#shares")

    async def _act(self, who: Caller, job_id: int | None, verb: Verb) -> Response:
        try:
            await self._jobs.act(who, job_id, verb)
        except NotFound:
            return await self._absent(who, job_id, f"/jobs/{job_id}")
        except IllegalState:
            return await self._page(who, job_id, refused=verb, status=409)
        except (Conflict, PermissionDenied) as error:
            return self._desk.message(error.http_status, "That did not work", error.message)
        return see_other("/" if verb is Verb.DELETE else f"/jobs/{job_id}")

    async def _absent(self, who: Caller, job_id: int | None, target: str) -> Response:
        """Another project of theirs has it: the way there, then on to `target`. Else as if it never was."""
        found = await self._jobs.elsewhere(who, job_id)
        projects = {each.id: each.name for each in await self._projects_of(who)} if found else {}
        if found not in projects:
            return self._desk.no_such_job()
        here = projects.get(who.project_id, who.project_id)
        return self._desk.page(
            "elsewhere.html", status=404, user=who.user, project=found, there=projects[found], here=here, next=target
        )

    async def _page(
        self,
        who: Caller,
        job_id: int | None,
        *,
        status: int = 200,
        refused: Verb | None = None,
        problem: str = "",
        new_link: str = "",
    ) -> Response:
        try:
            job, _ = await self._jobs.details(who, job_id)
            events = await self._jobs.events(who, job_id)
            logs = await self._jobs.logs(who, job_id, LOG_LINES)
            shares = await self._shares.list(who, job_id) if who.may(Permission.SHARE) else None
        except NotFound:
            return await self._absent(who, job_id, f"/jobs/{job_id}")
        return self._desk.page(
            "job-details.html",
            status=status,
            user=who.user,
            project=await self._project(who),
            problem=refusal_text(refused, job) if refused else problem,
            shares=None if shares is None else share_rows(shares.shares),
            lives=LIVES,
            new_link=new_link,
            job=job_facts(job, self._board.get(job.job_id)),
            happenings=happenings(events.events),
            log=log_text(logs.lines),
            logs_command=logs_command(self._desk.rules, who.project_id, job.job_id),
        )

    async def _project(self, who: Caller) -> Project:
        found = [each for each in await self._projects_of(who) if each.id == who.project_id]
        return found[0] if found else Project(id=who.project_id, name="", created_at=self._desk.clock())


def _target_of(request: Request) -> str:
    """The address of a job's opening, with the place in the viewer that is wanted."""
    rest = request.query_params.get("to", "/")
    return request.url.path if rest == "/" else f"{request.url.path}?to={quote(rest, safe='')}"
