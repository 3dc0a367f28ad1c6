"""Creating a job: idempotency key, quota, job and first event, in one transaction."""

import uuid
from datetime import datetime
from typing import Final

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from belvedere.contract.errors import QuotaExceeded
from belvedere.lifecycle.jobs import Event, Job
from belvedere.store.base import IdempotencyKey, KeyReused, NewJob
from belvedere.store.records import add_job, begin_events, job_with
from belvedere.store.tables import idempotency_keys, job_counts, jobs, project_quotas

_ROOM: Final = select(
    select(project_quotas.c.jobs).where(project_quotas.c.project_id == bindparam("of_project")).scalar_subquery(),
    select(func.coalesce(func.sum(job_counts.c.n), 0))
    .where(job_counts.c.project_id == bindparam("of_project"))
    .scalar_subquery(),
)  # made once, as those of `records`


def create_job(
    connection: Connection, new: NewJob, *, now: datetime, key: IdempotencyKey | None, quota: int
) -> tuple[Job, bool]:
    """See `JobStore.create`. Writers come one after the other, so of two requests with one key the second finds it."""
    earlier = _job_of_key(connection, new.project_id, key, now) if key else None
    if earlier is not None:
        return earlier, False
    allowed, present = room_of(connection, new.project_id, quota)
    require_room(present, allowed)
    draft = draft_of(new, now)
    job_id = add_job(connection, draft, look_at=now)
    begin_events(connection, job_id, Event(at=now, kind="created", text="Created."))
    if key:
        _keep_key(connection, new.project_id, key, job_id, now)
    return replace(draft, id=job_id), True


def draft_of(new: NewJob, now: datetime) -> Job:
    """The job to be, without an id (0)."""
    return Job(
        id=0,
        project_id=new.project_id,
        name=new.name,
        description=new.description,
        job_type=new.job_type,
        train_url=new.train_url,
        flavor=new.flavor,
        owner=new.owner,
        tags=tuple(dict.fromkeys(new.tags)),
        visibility=new.visibility,
        auto_stop=new.auto_stop,
        sleep_after=new.sleep_after,
        store=new.store,
        sources=new.sources,
        resource_id=str(uuid.uuid4()),
        created_at=now,
        updated_at=now,
        intended_at=now,
    )


def room_of(connection: Connection, project_id: str, quota: int) -> tuple[int, int]:
    """See `JobStore.room`."""
    own, present = connection.execute(_ROOM, {"of_project": project_id}).one()
    return quota if own is None else own, present


_NO_JOBS = "may have no visualization jobs: its quota is 0. Choose another project"


def require_room(present: int, quota: int) -> None:
    """Raise QuotaExceeded when the project is full."""
    if present >= quota:
        jobs_present = f"{present} visualization job{'' if present == 1 else 's'}"
        why = f"has {jobs_present}; its quota is {quota}. Delete some first" if quota else _NO_JOBS
        raise QuotaExceeded(f"The project {why}, or ask an administrator for more.")


def _job_of_key(connection: Connection, project_id: str, key: IdempotencyKey, now: datetime) -> Job | None:
    """The job that it made before. Those that have expired are swept out on the way."""
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.expires_at <= now))
    kept = connection.execute(
        select(idempotency_keys.c.digest, idempotency_keys.c.job_id).where(
            idempotency_keys.c.project_id == project_id, idempotency_keys.c.key == key.key
        )
    ).one_or_none()
    if kept is None:
        return None
    if kept.digest != key.digest:
        raise KeyReused(key.key)
    return job_with(connection, jobs.c.id == kept.job_id)


def _keep_key(connection: Connection, project_id: str, key: IdempotencyKey, job_id: int, now: datetime) -> None:
    connection.execute(
        insert(idempotency_keys).values(
            project_id=project_id, key=key.key, digest=key.digest, job_id=job_id, expires_at=now + key.keep
        )
    )
