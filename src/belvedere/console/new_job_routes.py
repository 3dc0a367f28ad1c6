"""Making a job in the browser: a form, and looking around for its logs, which sends the same form. No script."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.console.desk import NEW_JOB, Desk, is_from_our_page, read_form, see_other
from belvedere.console.new_job import (
    FIELDS,
    Shelf,
    faulty_field,
    installed,
    job_wanted,
    look_wanted,
    once_key,
    place_wanted,
    roots_shelf,
    shelf_of,
)
from belvedere.contract.errors import BelvedereError
from belvedere.contract.jobs import JobCreated, ViewerKindList
from belvedere.contract.log_sources import LogFolderList, ValidBrowse
from belvedere.contract.validation import Offer, ValidCreate
from belvedere.identity.gatekeeper import new_secret
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Caller


class MakesJobs(Protocol):
    """What the form needs of `service.jobs.JobService`."""

    @property
    def offer(self) -> Offer: ...

    @property
    def viewer_types(self) -> ViewerKindList: ...

    async def create(self, who: Caller, request: ValidCreate, key: str | None = None) -> JobCreated: ...

    async def browse(self, who: Caller, request: ValidBrowse) -> LogFolderList: ...


def new_job_routes(jobs: MakesJobs, desk: Desk) -> list[Route]:
    """The routes of the form; they come before /jobs/{job_id}."""
    pages = _NewJobPages(jobs, desk)
    return [Route(NEW_JOB, pages.look, methods=["GET"]), Route(NEW_JOB, pages.send, methods=["POST"])]


class _NewJobPages:
    def __init__(self, jobs: MakesJobs, desk: Desk) -> None:
        self._jobs = jobs
        self._desk = desk

    async def look(self, request: Request) -> Response:
        """The empty form."""
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(NEW_JOB, status=401)
        return self._page(who, {})

    async def send(self, request: Request) -> Response:
        """Look around, or make the job and go on to its page."""
        if not is_from_our_page(request):
            return self._desk.refused()
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(NEW_JOB, status=401)
        fields = await read_form(request)
        place = place_wanted(fields)
        if place is not None:
            return self._page(who, {**fields, "train_url": place}, shelf=await self._shelf(who, place, fields))
        try:
            made = await self._jobs.create(who, job_wanted(fields, self._jobs.offer), once_key(fields))
        except BelvedereError as error:
            faulty = faulty_field(fields, self._jobs.offer, error)
            return self._page(who, fields, problem=error.message, faulty=faulty, status=error.http_status)
        return see_other(f"/jobs/{made.job_id}")

    async def _shelf(self, who: Caller, place: str, fields: Mapping[str, str]) -> Shelf:
        roots = self._desk.rules.log_roots
        if not place:
            return roots_shelf(roots)
        try:
            return shelf_of(await self._jobs.browse(who, look_wanted(place, fields)), roots)
        except BelvedereError as error:
            return roots_shelf(roots, problem=error.message)

    def _page(
        self,
        who: Caller,
        fields: Mapping[str, str],
        *,
        status: int = 200,
        problem: str = "",
        faulty: str = "",
        shelf: Shelf | None = None,
    ) -> Response:
        if not who.may(Permission.CREATE):
            return self._desk.message(403, "You may look at jobs here", "Editors and owners of the project make them.")
        return self._desk.page(
            "new-job.html",
            status=status,
            user=who.user,
            typed={name: fields.get(name, "") for name in FIELDS},
            kinds=installed(self._jobs.viewer_types.viewer_types),
            example=self._desk.rules.example_logs,
            problem=problem,
            faulty=faulty,
            shelf=shelf,
            key=new_secret(),
        )
