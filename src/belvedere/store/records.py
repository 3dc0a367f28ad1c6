"""Jobs, tags, events and counts, read and written over one connection, within the caller's transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from belvedere.lifecycle.jobs import Event, Job
from belvedere.store.rows import job_of, row_of
from belvedere.store.tables import job_counts, job_events, job_tags, jobs

EVENTS_KEPT: Final = 500  # per job; a viewer that crashes for months must not fill the disk with telling so
_IDS_AT_ONCE: Final = 1000  # every database bounds the parameters of a statement

NO_CLAIM: Final[Mapping[str, Any]] = {"claimed_by": None, "claim_token": None, "claim_until": None}


class Standing(msgspec.Struct, frozen=True):
    """What guards a write to a job, and where the job is counted."""

    version: int
    project_id: str
    audience: str
    status: int
    claim_token: str | None
    hinted: bool


# Statements of every day, made once: SQLAlchemy takes as long to put one together as SQLite to run it.
_JOBS: Final = select(jobs).order_by(jobs.c.id)
_THESE: Final = _JOBS.where(jobs.c.id.in_(bindparam("ids", expanding=True)))
_TAGS_OF: Final = (
    select(job_tags.c.job_id, job_tags.c.tag)
    .where(job_tags.c.job_id.in_(bindparam("ids", expanding=True)))
    .order_by(job_tags.c.job_id, job_tags.c.position)
)
_INSERT_JOB: Final = insert(jobs).returning(jobs.c.id)
_EVENT_FACTS: Final = ("at", "kind", "text", "attempt", "reason")
_INSERT_EVENT: Final = insert(job_events)
_IN_PROJECT: Final = select(func.coalesce(func.sum(job_counts.c.n), 0)).where(
    job_counts.c.project_id == bindparam("of_project")
)
_STANDING: Final = (
    select(*(jobs.c[name] for name in Standing.__struct_fields__))
    .where(jobs.c.id == bindparam("of_job"))
    .with_for_update()
)
_WRITE: Final = update(jobs).where(jobs.c.id == bindparam("of_job"))
_TAGS: Final = select(job_tags.c.tag).where(job_tags.c.job_id == bindparam("of_job")).order_by(job_tags.c.position)
_ADD_TO_COUNT: Final = (
    update(job_counts)
    .where(*(job_counts.c[name] == bindparam(f"of_{name}") for name in ("project_id", "audience", "status")))
    .values(n=job_counts.c.n + bindparam("change"))
)
_EVENTS_OF_JOB: Final = job_events.c.job_id == bindparam("of_job")
_NEWEST_TO_GO: Final = (
    select(job_events.c.id).where(_EVENTS_OF_JOB).order_by(job_events.c.id.desc()).offset(EVENTS_KEPT).limit(1)
)
_DROP_OLD_EVENTS: Final = delete(job_events).where(_EVENTS_OF_JOB, job_events.c.id <= _NEWEST_TO_GO.scalar_subquery())


def job_with(connection: Connection, *where: ColumnElement[bool]) -> Job | None:
    """The job, if there is one."""
    found = jobs_with(connection, *where)
    return found[0] if found else None


def jobs_with(connection: Connection, *where: ColumnElement[bool]) -> list[Job]:
    """All such jobs, by id."""
    return _read(connection, connection.execute(_JOBS.where(*where)).all())


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> list[Job]:
    tags = _tags_of(connection, [row.id for row in rows])
    return [job_of(row._asdict(), tags.get(row.id, ())) for row in rows]


def jobs_by_ids(connection: Connection, job_ids: Sequence[int]) -> list[Job]:
    """These jobs, in the given order; those that don't exist are left out."""
    found = {
        job.id: job
        for some in chunks(job_ids)
        for job in _read(connection, connection.execute(_THESE, {"ids": some}).all())
    }
    return [found[job_id] for job_id in job_ids if job_id in found]


def _tags_of(connection: Connection, job_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    tags: dict[int, tuple[str, ...]] = defaultdict(tuple)
    for some in chunks(job_ids):
        for job_id, tag in connection.execute(_TAGS_OF, {"ids": some}):
            tags[job_id] += (tag,)
    return tags


def add_job(connection: Connection, job: Job, *, look_at: datetime) -> int:
    """Insert the job under a new id, which is returned; the job's own is ignored."""
    row = {**row_of(job), "look_at": look_at, "hinted": False}
    del row["id"]
    job_id: int = connection.execute(_INSERT_JOB, row).scalar_one()
    _add_tags(connection, job_id, job.tags)
    _count(connection, job.project_id, row["audience"], row["status"], 1)
    return job_id


def standing_of(connection: Connection, job_id: int) -> Standing | None:
    """How the job stands, or None. Nobody else changes that before this transaction ends."""
    row = connection.execute(_STANDING, {"of_job": job_id}).one_or_none()
    return None if row is None else Standing(*row)


def write_job(
    connection: Connection, before: Standing, job: Job, *, tags: tuple[str, ...] | None = None, **reconciling: object
) -> None:
    """Write the job over the row that was `before`, with columns of the reconciler's own.

    `tags`: those that are stored; None: that is not known.
    """
    row = row_of(job)
    connection.execute(_WRITE, {"of_job": job.id, **row, **reconciling})
    if (before.audience, before.status) != (row["audience"], row["status"]):
        _count(connection, before.project_id, before.audience, before.status, -1)
        _count(connection, before.project_id, row["audience"], row["status"], 1)
    if tags is None:
        tags = tuple(connection.execute(_TAGS, {"of_job": job.id}).scalars())
    if job.tags != tags:
        connection.execute(delete(job_tags).where(job_tags.c.job_id == job.id))
        _add_tags(connection, job.id, job.tags)


def remove_job(connection: Connection, before: Standing, job_id: int) -> None:
    """Delete the job; its tags, events and idempotency keys go with it, by their foreign keys."""
    connection.execute(delete(jobs).where(jobs.c.id == job_id))
    _count(connection, before.project_id, before.audience, before.status, -1)


def _add_tags(connection: Connection, job_id: int, tags: Iterable[str]) -> None:
    rows = [{"job_id": job_id, "tag": tag, "position": position} for position, tag in enumerate(tags)]
    if rows:
        connection.execute(insert(job_tags), rows)


def _count(connection: Connection, project_id: str, audience: str, status: int, change: int) -> None:
    place = {"project_id": project_id, "audience": audience, "status": status}
    here = {f"of_{name}": value for name, value in place.items()}
    counted = connection.execute(_ADD_TO_COUNT, {**here, "change": change})
    if counted.rowcount == 0:
        connection.execute(insert(job_counts).values(**place, n=change))


def begin_events(connection: Connection, job_id: int, event: Event) -> None:
    """The first event of a new job."""
    connection.execute(_INSERT_EVENT, _event_row(job_id, event))


def add_events(connection: Connection, job_id: int, events: Sequence[Event], *, are_first: bool = False) -> None:
    """Append events, and drop the oldest beyond what is kept. `are_first`: there is hardly any yet."""
    if not events:
        return
    connection.execute(_INSERT_EVENT, [_event_row(job_id, event) for event in events])
    if not are_first:
        connection.execute(_DROP_OLD_EVENTS, {"of_job": job_id})


def _event_row(job_id: int, event: Event) -> dict[str, object]:
    return {"job_id": job_id, **{name: getattr(event, name) for name in _EVENT_FACTS}}


def last_events(connection: Connection, job_id: int, limit: int) -> list[Event]:
    """The job's last events, oldest first."""
    columns = (job_events.c[name] for name in _EVENT_FACTS)
    chosen = select(*columns).where(job_events.c.job_id == job_id).order_by(job_events.c.id.desc()).limit(limit)
    return [Event(**row) for row in reversed(connection.execute(chosen).mappings().all())]


def jobs_in_project(connection: Connection, project_id: str) -> int:
    """How many jobs the project has."""
    return int(connection.execute(_IN_PROJECT, {"of_project": project_id}).scalar_one())


def chunks(job_ids: Collection[int]) -> Iterator[list[int]]:
    """The ids, so many at once as fit into a statement."""
    ids = list(job_ids)
    for start in range(0, len(ids), _IDS_AT_ONCE):
        yield ids[start : start + _IDS_AT_ONCE]
