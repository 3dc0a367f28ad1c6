"""A gateway on a real port, in front of a real upstream on a unix socket, with the board set by hand."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from msgspec.structs import replace
from yarl import URL

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.origins import ViewerOrigins
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.gateway.gateway import create_gateway
from belvedere.gateway.guard import Guard, Threshold
from belvedere.gateway.rules import GatewayRules
from belvedere.identity.addresses import Proxies
from belvedere.identity.crowds import Crowd
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.passes import Pass, Passes, PassKind
from belvedere.identity.rates import Rates
from belvedere.identity.records import Basis, Principal, SecretKind, SecretRecord
from belvedere.lifecycle.jobs import End, Intent, Job, Run
from belvedere.lifecycle.seen import Endpoint, Phase, Seen
from belvedere.runtimes.board import Board
from belvedere.service.audit import Auditor
from belvedere.service.strangers import Strangers
from belvedere.testing.audit import MemoryAuditStore
from belvedere.testing.passes import MemoryPassStore, MemoryShareStore
from belvedere.testing.store import MemoryIdentityStore
from belvedere.viewers.environments import Environments
from tests.support.identities import enrol

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PROJECT = "a" * 32
OTHER_PROJECT = "b" * 32
ANN = Principal(user="ann", project_id=PROJECT)
ONE_ORIGIN = ViewerOrigins(shared="http://view.example:8081")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Identities(MemoryIdentityStore):
    """Identities that count how often they are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    async def find_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        self.looks += 1
        return await super().find_secret(kind, digest)


class PassLooks(MemoryPassStore):
    """Passes that count, together with the identities, how often they are asked."""

    def __init__(self, identities: Identities) -> None:
        super().__init__()
        self._identities = identities

    async def find_pass(self, kind: PassKind, digest: str) -> Pass | None:
        self._identities.looks += 1
        return await super().find_pass(kind, digest)


def job(job_id: int = 1, *, project_id: str = PROJECT, run: Run | None = None, intent: Intent = Intent.RUN) -> Job:
    """A job, by default one that runs."""
    return Job(
        id=job_id,
        project_id=project_id,
        name=f"run-{job_id}",
        train_url="/bucket/run/",
        created_at=NOW,
        updated_at=NOW,
        intended_at=NOW,
        intent=intent,
        run=run or Run(submitted_at=NOW, running_since=NOW),
    )


STARTING = Run(submitted_at=NOW)
QUEUED = Run(waiting=Reason(code=ReasonCode.NO_CAPACITY, text="All 8 places are taken; 2 jobs wait before this one."))
STOPPED = Run(
    end=End.USER,
    ended_at=NOW,
    end_reason=Reason(code=ReasonCode.STOPPED_BY_USER, text="Stopped by a user. Restart it to see it again."),
)
NO_BUCKET = Run(
    end=End.SOURCE,
    ended_at=NOW,
    end_reason=Reason(
        code=ReasonCode.NO_SUCH_BUCKET,
        text="The bucket “bucket” does not exist at the object store. Check train_url, or the store’s settings.",
    ),
)
COPYING = SourceProgress(
    state="copying", files_done=12, files_total=40, bytes_done=31_400_000, bytes_total=114_000_000, requests=14
)


async def _nothing() -> None:
    """There is no gateway yet."""


class Stage:
    """What a test holds: the board, secrets, and a client that talks to the gateway."""

    def __init__(self, origin: str, board: Board, identities: Identities, client: aiohttp.ClientSession) -> None:
        self.origin = origin
        self.board = board
        self.identities = identities
        self.gatekeeper = Gatekeeper(identities)
        kept = PassLooks(identities)
        self.passes = Passes(kept, self.gatekeeper)
        self.shares = MemoryShareStore(kept)
        self.client = client
        self.now = NOW
        self.traces = MemoryAuditStore()
        self.audit = Auditor(self.traces, lambda: self.now)
        self.jobs: dict[int, Job] = {}
        self.told: list[tuple[int | None, int]] = []
        self.used: list[int] = []
        self.on_use: Callable[[], None] = lambda: None
        self.loaded: Callable[[], Awaitable[None]] = _nothing
        self.token = ""
        self.folder = Path()

    def url(self, rest: str = "/", job_id: int = 1, project_id: str = PROJECT) -> URL:
        """A job's URL, byte for byte."""
        return URL(f"{self.origin}/modelarts2/tensorboard/{project_id}/{job_id}{rest}", encoded=True)

    async def ticket(self, job_id: int = 1, basis: Basis | None = None) -> str:
        """A new ticket of ann's to a job's viewer."""
        return await self.passes.ticket(ANN, job_id, self.now, basis)

    async def session(self, job_id: int = 1, basis: Basis | None = None) -> str:
        """A new session of ann's for a job's viewer."""
        session = await self.passes.redeem(await self.ticket(job_id, basis), job_id, self.now)
        assert session is not None
        return session

    async def secret(self, kind: SecretKind, project_id: str = PROJECT, life: timedelta | None = None) -> str:
        """A new secret of a user called ann."""
        return await self.gatekeeper.issue(kind, Principal(user="ann", project_id=project_id), self.now, life)

    def put(self, a_job: Job, seen: Seen | None = None) -> None:
        """Show the job on the board."""
        self.board.put(a_job, seen)

    def ready(self, a_job: Job | None = None, *, socket: str = "viewer.sock", reason: Reason | None = None) -> None:
        """Show a job whose viewer answers at this socket."""
        a_job = a_job or job()
        endpoint = Endpoint(socket=str(self.folder / socket))
        seen = Seen(phase=Phase.READY, attempt=a_job.attempt, endpoint=endpoint, reason=reason)
        self.board.put(replace(a_job, version=a_job.version + 1), seen)

    def asleep(self) -> None:
        """Show a running job whose viewer sleeps."""
        before = self.board.get(1)
        a_job = before.job if before else job()
        self.board.put(replace(a_job, version=a_job.version + 1), Seen(phase=Phase.ASLEEP, attempt=a_job.attempt))

    def use(self, job_id: int) -> None:
        """The gateway's sink of uses."""
        self.used.append(job_id)
        self.on_use()

    def tell(self, job_id: int | None, status: int, seconds: float) -> None:
        """The gateway's observer."""
        assert seconds >= 0
        self.told.append((job_id, status))


@contextlib.asynccontextmanager
async def stage(
    *,
    patience: float = 30.0,
    poll: float = 25.0,
    hold: float = 1.0,
    linger: float = 2.0,
    origins: ViewerOrigins = ONE_ORIGIN,
    rates: Rates | None = None,
    proxies: Proxies = Proxies(),  # noqa: B008 - a value
    crowd: Crowd | None = None,
) -> AsyncIterator[Stage]:
    """A gateway that serves while the context lasts."""
    board, identities = Board(), Identities()
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bv-")))
        jar = aiohttp.CookieJar(unsafe=True)
        client = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False))
        made = Stage("", board, identities, client)
        made.folder = folder
        await enrol(identities, "ann", PROJECT, OTHER_PROJECT)
        made.token = await made.secret(SecretKind.TOKEN)

        rates = rates or Rates()

        def ticks() -> float:
            return made.now.timestamp()

        async def find_job(job_id: int) -> Job | None:
            return made.jobs.get(job_id)

        strangers = Strangers(rates, identities.find_key, made.audit, clock=ticks)
        guard = Guard(rates, proxies, strangers, ticks)
        gateway = create_gateway(
            board=board,
            threshold=Threshold(passes=made.passes, guard=guard, clock=lambda: made.now),
            find_job=find_job,
            rules=GatewayRules(
                origins=origins,
                console_origin="http://console.example:8080",
                patience=patience,
                poll=poll,
                hold=hold,
                linger=linger,
            ),
            observer=made.tell,
            use=made.use,
            environments=Environments(folder / "viewers"),
        )
        stack.push_async_callback(gateway.close)
        made.loaded = gateway.loaded
        runner = gateway.runner(shutdown_timeout=0.1, crowd=crowd)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        made.origin = f"http://{host}:{port}"
        yield made


@contextlib.asynccontextmanager
async def upstream(socket: Path, handler: Handler) -> AsyncIterator[None]:
    """A viewer: an aiohttp server on a unix socket."""
    runner = web.ServerRunner(web.Server(handler, auto_decompress=False, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield
    finally:
        await runner.cleanup()
