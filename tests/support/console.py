"""The console in process: a browser before it, and the use cases behind it over a list of jobs."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
from msgspec.structs import replace
from starlette.applications import Starlette

from belvedere.console.desk import Desk
from belvedere.console.routes import console_routes
from belvedere.console.rules import ConsoleRules
from belvedere.contract.errors import BelvedereError, Conflict, NotFound
from belvedere.contract.jobs import (
    JobCreated,
    JobDetails,
    JobEvent,
    JobEvents,
    JobList,
    JobLogs,
    Ticket,
    ViewerKind,
    ViewerKindList,
)
from belvedere.contract.listing import ValidList
from belvedere.contract.log_sources import LogFolder, LogFolderList, ValidBrowse, url_below
from belvedere.contract.origins import ViewerOrigins
from belvedere.contract.validation import Offer, ValidCreate
from belvedere.identity.passes import Passes
from belvedere.identity.passwords import Passwords
from belvedere.identity.permissions import Permission, Role
from belvedere.identity.records import Basis, Caller, Member, Principal, SecretKind
from belvedere.lifecycle.jobs import Job, Visibility
from belvedere.lifecycle.status import Verb, require
from belvedere.runtimes.board import Board
from belvedere.service.audit import Auditor
from belvedere.service.people import people
from belvedere.service.rules import ServiceRules
from belvedere.service.shares import ShareService
from belvedere.service.tokens import TokenRules
from belvedere.service.views import details, with_ticket
from belvedere.store.sealing import Sealer, new_key
from belvedere.testing.audit import MemoryAuditStore
from belvedere.testing.passes import MemoryPassStore, MemoryShareStore
from tests.support.gateway import NOW, PROJECT
from tests.support.identities import owners

ANN = Principal(user="ann", project_id=PROJECT)
ORIGIN, VIEWERS = "http://console.example", "http://view.example"
ORIGINS = ViewerOrigins(shared=VIEWERS)
RULES = ConsoleRules(
    public_origin=ORIGIN,
    viewers=VIEWERS,
    viewers_share_origin=False,
    data_folder="/srv/belvedere",
    first_project=PROJECT,
    log_roots=("/srv/logs/",),
)
TOKEN_RULES = TokenRules(origin=ORIGIN, region="", domain="default", life=timedelta(hours=24))
SERVICE_RULES = ServiceRules(quota=1, origins=ORIGINS, public_origin=ORIGIN, flavors=(), viewers=tuple)
OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}


class SomeJobs:
    """The use cases that the console needs, over a list."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = jobs
        self.acted: list[tuple[int | None, Verb]] = []
        self.lines: list[str] = []
        self.created: list[tuple[ValidCreate, str | None]] = []
        self.browsed: list[ValidBrowse] = []
        self.source_says: BelvedereError | None = None
        self.bases: list[Basis | None] = []
        self.is_busy = False

    async def list(self, who: Principal, request: ValidList) -> JobList:
        mine = [details(a_job, None, NOW, ORIGINS) for a_job in self.jobs if a_job.project_id == who.project_id]
        return JobList(job_total_count=len(mine), job_count_limit=1, quotas=100, jobs=mine[: request.per_page])

    def find(self, who: Principal, job_id: int | None) -> Job:
        for a_job in self.jobs:
            if a_job.id == job_id and a_job.project_id == who.project_id:
                return a_job
        raise NotFound("No such job.")

    async def job(self, who: Principal, job_id: int | None) -> Job:
        found = self.find(who, job_id)
        if found.visibility is Visibility.PRIVATE and found.owner != who.user:
            raise NotFound("No such job.")
        return found

    async def details(self, who: Principal, job_id: int | None) -> tuple[JobDetails, int]:
        return details(self.find(who, job_id), None, NOW, ORIGINS), 1

    @property
    def offer(self) -> Offer:
        return Offer(flavors=("default",), job_types=("tensorboard", "mindinsight"))

    @property
    def viewer_types(self) -> ViewerKindList:
        kinds = [
            ("tensorboard", "TensorBoard", True),
            ("mindinsight", "MindInsight", True),
            ("netron", "Netron", False),
        ]
        return ViewerKindList(
            viewer_types=[
                ViewerKind(job_type=name, title=title, is_installed=there, is_default=name == "tensorboard")
                for name, title, there in kinds
            ]
        )

    async def create(self, who: Caller, request: ValidCreate, key: str | None = None) -> JobCreated:
        who.require(Permission.CREATE)
        if isinstance(self.source_says, BelvedereError):
            raise self.source_says
        self.created.append((request, key))
        return JobCreated(
            job_id=77, job_name=request.job_name, status=1, create_time=0, service_url=VIEWERS, reason=None
        )

    async def browse(self, who: Caller, request: ValidBrowse) -> LogFolderList:
        who.require(Permission.BROWSE)
        if isinstance(self.source_says, BelvedereError):
            raise self.source_says
        self.browsed.append(request)
        folders = [LogFolder(name="run-1", url=url_below(request.url, "run-1"), has_logs=True)]
        return LogFolderList(url=request.url, folders=folders, has_logs=False, next_marker="run-1")

    async def elsewhere(self, who: Principal, job_id: int | None) -> str | None:
        found = [a_job.project_id for a_job in self.jobs if a_job.id == job_id]
        return found[0] if found and found[0] != who.project_id else None

    async def act(self, who: Principal, job_id: int | None, verb: Verb) -> int:
        require(verb, self.find(who, job_id))
        if self.is_busy:
            raise Conflict("The job is being changed by others at this moment.")
        self.acted.append((job_id, verb))
        return 2

    async def events(self, who: Principal, job_id: int | None) -> JobEvents:
        self.find(who, job_id)
        at = int(NOW.timestamp() * 1000)
        return JobEvents(events=[JobEvent(time=at, kind="running", text="It <answers>.", attempt=1)])

    async def logs(self, who: Principal, job_id: int | None, tail: int) -> JobLogs:
        self.find(who, job_id)
        return JobLogs(lines=self.lines[-tail:])

    async def ticket(
        self, who: Principal, job_id: int | None, *, basis: Basis | None = None, rest: str = "/"
    ) -> Ticket:
        self.find(who, job_id)
        self.bases.append(basis)
        url = with_ticket(f"{VIEWERS}/modelarts2/tensorboard/{PROJECT}/{job_id}", rest, "t")
        return Ticket(url=url, expires_in=120)


class Stage:
    """A browser before the console, and the gatekeeper behind it."""

    def __init__(self, *jobs: Job, example_logs: str, share_origin: bool = False) -> None:
        self.now = NOW
        self.identities = owners(ANN)
        self.jobs = SomeJobs(*jobs)
        self.board = Board()
        self.audit = MemoryAuditStore()
        audit = Auditor(self.audit, lambda: self.now)
        those = people(self.identities, Sealer([new_key()]), lambda: self.now, TOKEN_RULES, audit)
        self.gatekeeper = those.gatekeeper
        rules = replace(RULES, example_logs=example_logs, viewers_share_origin=share_origin)
        desk = Desk(self.gatekeeper, lambda: NOW, rules, audit)
        self.passwords = Passwords()
        passes = MemoryPassStore()
        self.passes = Passes(passes, self.gatekeeper)
        self.shares = ShareService(
            store=MemoryShareStore(passes),
            passes=self.passes,
            passwords=self.passwords,
            find=self.jobs.job,
            clock=lambda: self.now,
            rules=SERVICE_RULES,
            audit=audit,
        )
        self.tokens, self.keys, self.ring = those.tokens, those.keys, those.ring
        self.routes = console_routes(
            jobs=self.jobs,
            shares=self.shares,
            entrance=self.tokens,
            oneself=those.identities,
            keys=self.keys,
            board=self.board,
            desk=desk,
        )
        transport = httpx2.ASGITransport(app=Starlette(routes=self.routes))
        self.client = httpx2.AsyncClient(transport=transport, base_url=ORIGIN)

    def told(self) -> list[tuple[str, str]]:
        """What the audit tells: names and ratings."""
        return [(trace.name.value, trace.rating) for trace in self.audit.kept]

    def pass_time(self, amount: timedelta) -> None:
        self.now += amount

    async def enrol_as(self, role: Role) -> None:
        await self.identities.put_member(Member(project_id=PROJECT, user="ann", role=role))
        self.gatekeeper.forget()

    async def sign_in(self) -> None:
        session = await self.gatekeeper.issue(SecretKind.SESSION, ANN, NOW, None)
        self.client.cookies.set("belvedere_console", session)


@contextlib.asynccontextmanager
async def console(*jobs: Job, example_logs: str = "/my logs/run-1", share_origin: bool = False) -> AsyncIterator[Stage]:
    stage = Stage(*jobs, example_logs=example_logs, share_origin=share_origin)
    async with stage.client:
        yield stage
