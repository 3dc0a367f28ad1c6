"""The seam to the database. Calls are coroutines; each is one transaction, durable when it returns."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.jobs import AutoStop, Event, Job, Source, Visibility
from belvedere.lifecycle.quotas import Quotas


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be created; id, resource id and times come from the store and the clock."""

    project_id: str
    name: str
    description: str
    job_type: str
    train_url: str
    flavor: str
    owner: str
    tags: tuple[str, ...] = ()
    visibility: Visibility = Visibility.PROJECT
    auto_stop: AutoStop | None = None
    sleep_after: int | None = None
    store: str = ""
    sources: tuple[Source, ...] = ()


class IdempotencyKey(msgspec.Struct, frozen=True, kw_only=True):
    """A create request's key, and a digest of its body."""

    key: str
    digest: str
    keep: timedelta = timedelta(hours=24)


class KeyReused(Exception):
    """The idempotency key belongs to another request."""


class SortKey(StrEnum):
    """What a list can be sorted by."""

    ID = "job_id"
    NAME = "job_name"
    DESCRIPTION = "job_desc"
    CREATED = "create_time"
    STATUS = "status"
    DURATION = "duration"
    TRAIN_URL = "log_dir"


class JobQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs of a project, in which order. `marker` (from the last page) takes precedence over `page`."""

    project_id: str
    viewer: str = ""  # who asks: private jobs of others are left out
    statuses: frozenset[JobStatus] = frozenset()
    search: str = ""  # in name, description and URL; case-insensitive
    tags: frozenset[str] = frozenset()  # all of them
    owner: str | None = None
    job_type: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    sort: SortKey = SortKey.ID
    descending: bool = False
    page: int = 1
    per_page: int = 10
    marker: str | None = None


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `total` counts all that match."""

    jobs: Sequence[Job]
    total: int
    next_marker: str | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A job taken for one pass of the reconciler, until `until`."""

    job: Job
    token: str
    until: datetime


EVERY_PROJECT: Final = ""  # whose a shared log store is


class LogStoreRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A log store as kept. `sealed_secret` is encrypted, or "" for anonymous requests. Its repr hides the keys."""

    project_id: str  # EVERY_PROJECT: shared
    name: str
    endpoint: str
    region: str
    addressing: str
    allow_http: bool
    access_key: str
    sealed_secret: str
    created_at: datetime
    updated_at: datetime
    revision: int = 1

    def __repr__(self) -> str:
        return f"LogStoreRecord(project_id={self.project_id!r}, name={self.name!r}, endpoint={self.endpoint!r})"


class LogStoreRecords(Protocol):
    """The log stores of all projects, and the shared ones."""

    async def add(self, record: LogStoreRecord) -> bool:
        """Keep it; False if a project that would see it has one of that name already."""
        ...

    async def all(self) -> Sequence[LogStoreRecord]:
        """All of them, by project and name."""
        ...

    async def replace(self, record: LogStoreRecord) -> bool:
        """Write one read before, guarded by its `revision`, which grows; False if it changed or went meanwhile."""
        ...

    async def remove(self, project_id: str, name: str) -> int:
        """Forget it unless jobs name it: how many do (0: it is gone)."""
        ...

    async def uses(self, project_id: str) -> Mapping[str, int]:
        """How many of a project's jobs name each store; those that none names are left out."""
        ...


class QuotaStore(Protocol):
    """What projects may have, where that is other than the settings say."""

    async def quotas(self, project_id: str) -> Quotas:
        """A project's own; None in it is what the settings say."""
        ...

    async def set_quotas(self, project_id: str, quotas: Quotas) -> None: ...


class JobStore(Protocol):
    """Jobs and what happened to them."""

    async def create(
        self, new: NewJob, *, now: datetime, key: IdempotencyKey | None = None, quota: int
    ) -> tuple[Job, bool]:
        """The job, and whether it is new (False: the same key and body came before).

        Raises KeyReused; raises contract.errors.QuotaExceeded when the project already has `quota` jobs, or as many as
        its own quota says. The first
        event ("created") is written with it, and the job is due at once.
        """
        ...

    async def get(self, project_id: str, job_id: int) -> Job | None:
        """The job, if it is this project's."""
        ...

    async def find(self, job_id: int) -> Job | None:
        """The job by id alone: for the reconciler and the gateway, never to answer a project's request."""
        ...

    async def query(self, query: JobQuery) -> JobPage:
        """A page of jobs. Raises ValueError for a marker that isn't ours."""
        ...

    async def count(self, project_id: str) -> int:
        """How many jobs the project has. Constant cost."""
        ...

    async def room(self, project_id: str, quota: int) -> tuple[int, int]:
        """How many jobs the project may have (its own quota, or else this one), and how many it has. Constant cost."""
        ...

    async def count_by_status(self) -> dict[JobStatus, int]:
        """How many jobs there are in each status, over all projects. Constant cost."""
        ...

    async def replace(self, job: Job, *, events: Sequence[Event] = (), look_at: datetime | None) -> Job | None:
        """Write a job read before, guarded by its `version`; the job as stored, or None if it changed meanwhile.

        A user's change: it ends any claim, and `look_at` makes the job due. None leaves the time as it was; a job that
        was claimed is then due at once, because the pass that held it has been overtaken.
        """
        ...

    async def claim_due(self, owner: str, *, now: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Take jobs whose time to be looked at has come and that nobody holds (or whose holder's lease ran out)."""
        ...

    async def settle(
        self, claim: Claim, job: Job | None, *, events: Sequence[Event] = (), look_at: datetime | None, now: datetime
    ) -> Job | None:
        """End a claim: write the job (None: delete it, its events and keys). Guarded by claim and version.

        The job as stored; None if it was deleted, or if the guard failed: then nothing was written and the job is due
        again. So it is, at `now`, if `make_due` named it while it was claimed. A pass that changed no fact and tells of
        no event leaves `version` alone, so that it never makes a user's update fail.
        """
        ...

    async def release_claims(self, owner: str) -> int:
        """End all claims of an owner that is known to be dead; their jobs are due at once. How many there were."""
        ...

    async def next_look(self) -> datetime | None:
        """The earliest time at which `claim_due` would find a job: a claimed one counts by the end of its lease."""
        ...

    async def make_due(self, job_ids: Collection[int], now: datetime) -> None:
        """Look at these soon: a hint came. Claimed ones are looked at again after the present pass."""
        ...

    async def running(self) -> Sequence[Job]:
        """All jobs with intent RUN that have not ended, over all projects: what a runtime should be holding."""
        ...

    async def known(self, job_ids: Collection[int]) -> set[int]:
        """Which of these ids exist."""
        ...

    async def events(self, job_id: int, limit: int = 200) -> Sequence[Event]:
        """The job's last events, oldest first."""
        ...

    async def beat(self, now: datetime) -> None:
        """Write that the service lives."""
        ...

    async def last_beat(self) -> datetime | None:
        """When it last did, before this process started to."""
        ...
