"""The use cases of quotas: what a project may have, and who says so."""

from collections.abc import Callable

from msgspec.structs import asdict

from belvedere.contract import identity as wire
from belvedere.contract.audit import TraceName
from belvedere.contract.errors import NotFound
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Caller, IdentityStore
from belvedere.lifecycle.quotas import Quotas
from belvedere.service.audit import Auditor
from belvedere.store.base import JobStore, QuotaStore


class QuotaService:
    """Checked requests in, answers of the contract out. `defaults`: the settings'."""

    def __init__(
        self, store: QuotaStore, jobs: JobStore, identities: IdentityStore, defaults: Quotas, audit: Auditor
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._identities = identities
        self._defaults = defaults
        self._audit = audit
        self._listeners: list[Callable[[str], None]] = []
        self._known: dict[str, Quotas] = {}  # by project: asked at every start of a viewer

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Call this with each project whose quotas are set."""
        self._listeners.append(tell)

    async def of(self, project_id: str) -> Quotas:
        """What a project may have."""
        known = self._known.get(project_id)
        if known is None:
            known = self._known[project_id] = (await self._store.quotas(project_id)).over(self._defaults)
        return known

    async def running_jobs(self, project_id: str) -> int | None:
        """How many jobs of a project may run at the same time; None: as many as it has."""
        return (await self.of(project_id)).running_jobs

    async def show(self, who: Caller, project_id: str) -> wire.ProjectQuotas:
        """The quotas of the project that one has signed in to; an administrator sees any. Raises NotFound."""
        if project_id != who.project_id or not who.may(Permission.LIST):
            who.require(Permission.PROJECTS)
        return await self._shown(project_id)

    async def set(self, who: Caller, project_id: str, wanted: wire.SetQuotas) -> wire.ProjectQuotas:
        """Set them; they count at once, also for what waits. Raises NotFound, PermissionDenied."""
        words = " ".join(f"{name}={value}" for name, value in asdict(wanted).items() if value is not None)
        async with self._audit.act(who, TraceName.UPDATE_QUOTAS, project_id, project_id=project_id, message=words):
            who.require(Permission.PROJECTS)
            await self._require(project_id)
            await self._store.set_quotas(project_id, Quotas(**asdict(wanted)))
            self._known.pop(project_id, None)
        for tell in self._listeners:
            tell(project_id)
        return await self._shown(project_id)

    async def _require(self, project_id: str) -> None:
        if project_id not in {project.id for project in await self._identities.projects()}:
            raise NotFound("There is no such project. `GET /v3/projects` lists those that you may enter.")

    async def _shown(self, project_id: str) -> wire.ProjectQuotas:
        await self._require(project_id)
        own = await self._store.quotas(project_id)
        whole = own.over(self._defaults)
        return wire.ProjectQuotas(
            project_id=project_id,
            jobs=whole.jobs or 0,
            jobs_used=await self._jobs.count(project_id),
            running_jobs=whole.running_jobs,
            awake_viewers=whole.awake_viewers,
            memory_bytes=whole.memory_bytes,
            mirror_bytes=whole.mirror_bytes,
            defaults=[name for name, value in asdict(own).items() if value is None],
        )
