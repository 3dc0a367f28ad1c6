"""The job store on a SQL database. Each method is one transaction; what is in it stands in the modules beside."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.clock import Clock
from belvedere.lifecycle.jobs import Event, Intent, Job
from belvedere.store import claims
from belvedere.store.base import Claim, IdempotencyKey, JobPage, JobQuery, NewJob
from belvedere.store.creating import create_job, room_of
from belvedere.store.database import Database
from belvedere.store.queries import Marker, decode_marker, encode_marker, page_of_ids, total
from belvedere.store.records import chunks, job_with, jobs_by_ids, jobs_in_project, jobs_with, last_events
from belvedere.store.tables import beats, job_counts, jobs, microseconds
from belvedere.store.traces import if_done

_SERVICE = "service"  # whose beat it is; the only one so far


class SqlJobStore:
    """Implements `JobStore`. The clock serves the order by running time alone."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._beat_before: datetime | None = None
        self._beating = False

    async def create(
        self, new: NewJob, *, now: datetime, key: IdempotencyKey | None = None, quota: int
    ) -> tuple[Job, bool]:
        create = partial(create_job, new=new, now=now, key=key, quota=quota)
        return await self._database.write(create, tells=_made)

    async def get(self, project_id: str, job_id: int) -> Job | None:
        return await self._database.read(lambda c: job_with(c, jobs.c.id == job_id, jobs.c.project_id == project_id))

    async def find(self, job_id: int) -> Job | None:
        return await self._database.read(lambda c: job_with(c, jobs.c.id == job_id))

    async def query(self, query: JobQuery) -> JobPage:
        marker = None if query.marker is None else decode_marker(query.marker, query)
        as_of = marker.as_of if marker else microseconds(self._clock())
        return await self._database.read(partial(_page, query=query, marker=marker, as_of=as_of))

    async def count(self, project_id: str) -> int:
        return await self._database.read(partial(jobs_in_project, project_id=project_id))

    async def room(self, project_id: str, quota: int) -> tuple[int, int]:
        return await self._database.read(partial(room_of, project_id=project_id, quota=quota))

    async def count_by_status(self) -> dict[JobStatus, int]:
        return await self._database.read(_count_by_status)

    async def replace(self, job: Job, *, events: Sequence[Event] = (), look_at: datetime | None) -> Job | None:
        change = partial(claims.replace_job, job=job, events=events, look_at=look_at)
        return await self._database.write(change, tells=if_done)

    async def claim_due(self, owner: str, *, now: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        return await self._database.write(partial(claims.claim_due, owner=owner, now=now, lease=lease, limit=limit))

    async def settle(
        self, claim: Claim, job: Job | None, *, events: Sequence[Event] = (), look_at: datetime | None, now: datetime
    ) -> Job | None:
        work = partial(claims.settle, claim=claim, job=job, events=events, look_at=look_at, now=now)
        return await self._database.write(work)

    async def release_claims(self, owner: str) -> int:
        return await self._database.write(partial(claims.release_claims, owner=owner))

    async def next_look(self) -> datetime | None:
        return await self._database.read(claims.next_look)

    async def make_due(self, job_ids: Collection[int], now: datetime) -> None:
        await self._database.write(partial(claims.make_due, job_ids=job_ids, now=now))

    async def running(self) -> Sequence[Job]:
        return await self._database.read(lambda c: jobs_with(c, jobs.c.intent == Intent.RUN, jobs.c.end.is_(None)))

    async def known(self, job_ids: Collection[int]) -> set[int]:
        return await self._database.read(partial(_known, job_ids=job_ids))

    async def events(self, job_id: int, limit: int = 200) -> Sequence[Event]:
        return await self._database.read(partial(last_events, job_id=job_id, limit=limit))

    async def beat(self, now: datetime) -> None:
        before = await self._database.write(partial(_beat, now=now))
        if not self._beating:
            self._beating, self._beat_before = True, before

    async def last_beat(self) -> datetime | None:
        return self._beat_before if self._beating else await self._database.read(_last_beat)


def _made(created: tuple[Job, bool]) -> str | None:
    job, is_new = created
    return str(job.id) if is_new else None


def _page(connection: Connection, query: JobQuery, marker: Marker | None, as_of: int) -> JobPage:
    found: list[Row[int, Any]] = []
    for part in page_of_ids(query, marker, as_of):
        found += connection.execute(part.limit(query.per_page + 1 - len(found))).all()
        if len(found) > query.per_page:
            break
    shown = found[: query.per_page]
    next_marker = None
    if len(found) > len(shown) > 0:
        job_id, value = shown[-1]
        last = Marker(sort=query.sort, descending=query.descending, value=value, id=job_id, as_of=as_of)
        next_marker = encode_marker(last)
    return JobPage(
        jobs=jobs_by_ids(connection, [job_id for job_id, _ in shown]),
        total=connection.execute(total(query)).scalar_one(),
        next_marker=next_marker,
    )


def _count_by_status(connection: Connection) -> dict[JobStatus, int]:
    counted = select(job_counts.c.status, func.sum(job_counts.c.n)).group_by(job_counts.c.status)
    return {JobStatus(status): n for status, n in connection.execute(counted) if n}


def _known(connection: Connection, job_ids: Collection[int]) -> set[int]:
    return {
        job_id
        for some in chunks(job_ids)
        for job_id in connection.execute(select(jobs.c.id).where(jobs.c.id.in_(some))).scalars()
    }


def _last_beat(connection: Connection) -> datetime | None:
    return connection.execute(select(beats.c.at).where(beats.c.name == _SERVICE)).scalar_one_or_none()


def _beat(connection: Connection, now: datetime) -> datetime | None:
    """Write the beat; the one before."""
    before = _last_beat(connection)
    if before is None:
        connection.execute(insert(beats).values(name=_SERVICE, at=now))
    else:
        connection.execute(update(beats).where(beats.c.name == _SERVICE).values(at=now))
    return before
