"""The API in this process, over a real database, with the rest of the world under the test's thumb."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from msgspec.structs import replace
from starlette.applications import Starlette

from belvedere.api.app import create_app
from belvedere.api.doors import Doors
from belvedere.api.operation import services_of
from belvedere.api.throttle import Throttle
from belvedere.contract.jobs import Flavor, ViewerKind
from belvedere.contract.log_sources import LogFolder, LogFolderList, ValidBrowse
from belvedere.contract.origins import ViewerOrigins
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.identity.acts import AuditStore, Trace, TraceQuery
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.passes import Passes, PassStore
from belvedere.identity.passwords import Passwords
from belvedere.identity.rates import Rates
from belvedere.identity.records import IdentityStore, Principal, Project, SecretKind
from belvedere.lifecycle.jobs import End, Intent, Job, Run
from belvedere.lifecycle.quotas import Quotas
from belvedere.runtimes.board import Board
from belvedere.service.audit import Auditor
from belvedere.service.jobs import JobService
from belvedere.service.log_stores import LogStoreService, StoreCatalog
from belvedere.service.people import People, people
from belvedere.service.quotas import QuotaService
from belvedere.service.rules import CheckedSource, ServiceRules
from belvedere.service.shares import ShareService
from belvedere.service.strangers import Strangers
from belvedere.service.tokens import TokenRules
from belvedere.sources.stores import ObjectStore
from belvedere.store.base import JobQuery, JobStore
from belvedere.store.opening import Stores
from belvedere.store.sealing import Sealer, new_key
from tests.support.databases import new_stores
from tests.support.identities import enrol

PROJECT = "04f679b17380d32a2f32c00335c4b5ba"
OTHER_PROJECT = "77b6a44cba5143ab91d13ab9a8ff44fd"
VIEWERS = "https://viewers.example"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class World:
    """What a test may turn: the time, and what the log source and the viewer say."""

    def __init__(self) -> None:
        self.now = START
        self.source_says: Reason | Exception | None = None
        self.refused_urls: dict[str, Exception] = {}
        self.checked: list[str] = []  # URLs, in order
        self.log_lines: Sequence[str] = ()
        self.folders: list[LogFolder] = []
        self.browsed: ValidBrowse | None = None
        self.addresses: dict[str, list[str]] = {}
        self.published: dict[str, ObjectStore] = {}
        self.hinted: list[int] = []
        self.observed: list[tuple[str, str, int]] = []

    def clock(self) -> datetime:
        return self.now

    def ticks(self) -> float:
        return self.now.timestamp()

    def pass_time(self, **amount: float) -> None:
        self.now += timedelta(**amount)

    async def check(self, project_id: str, url: str, store: str | None, *, is_pattern: bool) -> CheckedSource:
        del project_id, is_pattern
        self.checked.append(url)
        if url in self.refused_urls:
            raise self.refused_urls[url]
        if isinstance(self.source_says, Exception):
            raise self.source_says
        return CheckedSource(store=store or "", reason=self.source_says)

    async def browse(self, project_id: str, request: ValidBrowse) -> LogFolderList:
        del project_id
        if isinstance(self.source_says, Exception):
            raise self.source_says
        self.browsed = request
        return LogFolderList(url=request.url, folders=self.folders)

    async def try_store(self, store: ObjectStore, bucket: str | None) -> Reason | None:
        del bucket
        return None if store.secret_key != "wrong" else Reason(code=ReasonCode.BAD_CREDENTIALS, text="Wrong.")

    async def resolve(self, host: str) -> Sequence[str]:
        return self.addresses.get(host, [host] if host[0].isdigit() or ":" in host else ["192.0.2.1"])

    async def publish(self, stores: Sequence[ObjectStore]) -> None:
        self.published = {store.key: store for store in stores}

    async def read_logs(self, job_id: int, tail: int) -> Sequence[str]:
        del job_id
        return self.log_lines[-tail:]

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.observed.append((route, method, status))


class Api:
    """The application with one user in each of two projects, and a client that is signed in as the first's."""

    def __init__(
        self,
        app: Starlette,
        stores: Stores,
        world: World,
        board: Board,
        tokens: dict[str, str],
        those: People,
        jobs: JobService,
    ) -> None:
        self.app = app
        self.store: JobStore = stores.jobs
        self.audit: AuditStore = stores.audit
        self.identities: IdentityStore = stores.identities
        self.passes: PassStore = stores.passes
        self.people = those
        self.jobs = jobs
        self.keys = those.ring
        self.world = world
        self.board = board
        self.tokens = tokens
        self.client = self.client_of(PROJECT)

    def client_of(self, project_id: str, user: str = "admin") -> httpx2.AsyncClient:
        """A client signed in to the project."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=f"http://api.example/v1/{project_id}",
            headers={"X-Auth-Token": self.tokens[f"{user}@{project_id}"]},
        )

    async def create(self, name: str = "run-1", train_url: str = "/bucket/run-1/", **fields: Any) -> int:
        """A job by the documented request; its id."""
        answer = await self.client.post(
            "/visualization-jobs", json={"job_name": name, "train_url": train_url, **fields}
        )
        assert answer.status_code == 200, answer.text
        return int(answer.json()["job_id"])

    async def details(self, job_id: int) -> dict[str, Any]:
        answer = await self.client.get(f"/visualization-jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def running(self, **fields: Any) -> int:
        """A job that the reconciler has brought up just now."""
        job_id = await self.create(**fields)
        now = self.world.now
        await self.write(job_id, run=Run(taken_up_at=now, submitted_at=now, running_since=now, first_ran_at=now))
        return job_id

    async def ended(self, end: End = End.USER) -> int:
        """A job that ran and ended."""
        job_id = await self.create()
        await self.write(job_id, intent=Intent.STOP, run=Run(ended_at=self.world.now, end=end))
        return job_id

    async def write(self, job_id: int, **facts: Any) -> Job:
        """Write facts, as the reconciler would."""
        job = await self.store.find(job_id)
        assert job is not None
        stored = await self.store.replace(replace(job, **facts), look_at=None)
        assert stored is not None
        return stored

    async def traces(self, **wanted: Any) -> list[Trace]:
        """What the audit tells, of all projects, the oldest first."""
        query = TraceQuery(**{"project_id": None, "oldest_first": True, "limit": 1000, **wanted})
        return list(await self.audit.traces(query))

    async def everything(self) -> list[Job]:
        """All jobs of the project, to see that nothing changed."""
        page = await self.store.query(JobQuery(project_id=PROJECT, viewer="admin", per_page=1000))
        return list(page.jobs)


@contextlib.asynccontextmanager
async def api_in_process(folder: Path, *, quota: int = 100, rates: Rates | None = None) -> AsyncIterator[Api]:
    """The API over a new database in `folder`."""
    world, board, rates = World(), Board(), rates or Rates()
    with new_stores(folder, world.clock) as stores:
        token_rules = TokenRules(origin="http://api.example", region="here", domain="Account", life=timedelta(hours=24))
        audit = Auditor(stores.audit, world.clock)
        those = people(stores.identities, Sealer([new_key()]), world.clock, token_rules, audit)
        gatekeeper = those.gatekeeper
        passes = Passes(stores.passes, gatekeeper)
        quotas = QuotaService(stores.quotas, stores.jobs, stores.identities, Quotas(jobs=quota), audit)
        rules = ServiceRules(
            quota=quota,
            origins=ViewerOrigins(shared=VIEWERS),
            public_origin="https://belvedere.example",
            flavors=_FLAVORS,
            viewers=lambda: _TYPES,
        )
        service = JobService(
            store=stores.jobs,
            board=board,
            passes=passes,
            rules=rules,
            places=world,
            hint=world.hinted.append,
            read_logs=world.read_logs,
            audit=audit,
        )
        shares = ShareService(
            store=stores.shares,
            passes=passes,
            passwords=Passwords(),
            find=service.find,
            clock=world.clock,
            rules=rules,
            audit=audit,
        )
        app = create_app(
            services_of(service, _log_stores(stores, world, audit), shares, those, audit, quotas),
            Doors(gatekeeper, those.ring, world.clock),
            throttle=Throttle(rates, world.ticks),
            strangers=Strangers(rates, stores.identities.find_key, audit, clock=world.ticks),
            observe=world.observe,
        )
        for project_id in (PROJECT, OTHER_PROJECT):
            await stores.identities.add_project(Project(id=project_id, name=project_id[:4], created_at=world.now))
        await enrol(stores.identities, "admin", role=None)
        await enrol(stores.identities, "colleague", PROJECT)
        api = Api(app, stores, world, board, await _tokens(gatekeeper, world), those, service)
        async with api.client:
            yield api


def _log_stores(stores: Stores, world: World, audit: Auditor) -> LogStoreService:
    configured = ObjectStore(endpoint="https://obs.example", name="default", access_key="AK", secret_key="of-settings")
    catalog = StoreCatalog(stores.log_stores, Sealer([new_key()]), [configured])
    return LogStoreService(
        stores.log_stores,
        catalog,
        clock=world.clock,
        publish=world.publish,
        try_store=world.try_store,
        resolve=world.resolve,
        audit=audit,
    )


_FLAVORS = (
    Flavor(code="default", memory_bytes=2**31, is_default=True),
    Flavor(code="large", description="For the largest logs.", memory_bytes=2**33, cpu=4.0),
)
_TYPES = (
    ViewerKind(job_type="tensorboard", title="TensorBoard", is_installed=True, version="2.21.0", is_default=True),
    ViewerKind(job_type="mindinsight", title="MindInsight", is_installed=True, version="2.3.1"),
    ViewerKind(job_type="netron", title="Netron", is_installed=False, to_install="belvedere viewer install netron"),
)


async def _tokens(gatekeeper: Gatekeeper, world: World) -> dict[str, str]:
    people = [("admin", PROJECT), ("colleague", PROJECT), ("admin", OTHER_PROJECT)]
    return {
        f"{user}@{project_id}": await gatekeeper.issue(
            SecretKind.TOKEN, Principal(user=user, project_id=project_id), world.now, None
        )
        for user, project_id in people
    }
