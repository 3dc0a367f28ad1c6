"""The reconciler's side: which jobs are due, who works on them, and what came of it.

A claim leaves `look_at` alone, so a job whose claim ends without a result (released, run out, or broken by a user's
change) is due again by itself. `hinted` notes that a hint came while the job was claimed: what the pass then writes may
rest on an older look, so the job is looked at once more.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select, update

from belvedere.lifecycle.jobs import Event, Job
from belvedere.store.base import Claim
from belvedere.store.records import NO_CLAIM, add_events, chunks, jobs_by_ids, remove_job, standing_of, write_job
from belvedere.store.tables import jobs

# Made once, as those of `records`.
_RAN_OUT: Final = update(jobs).where(jobs.c.claim_until <= bindparam("at")).values(**NO_CLAIM)
_DUE: Final = (
    select(jobs.c.id)
    .where(jobs.c.claim_until.is_(None), jobs.c.look_at <= bindparam("at"))
    .order_by(jobs.c.look_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKE: Final = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(
        claimed_by=bindparam("claimant"), claim_until=bindparam("until"), claim_token=bindparam("token"), hinted=False
    )
)
_NEXT_DUE: Final = select(func.min(jobs.c.look_at)).where(jobs.c.claim_until.is_(None))
_NEXT_TO_RUN_OUT: Final = select(func.min(jobs.c.claim_until))


def claim_due(connection: Connection, owner: str, *, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """See `JobStore.claim_due`."""
    connection.execute(_RAN_OUT, {"at": now})
    ids = connection.execute(_DUE, {"at": now, "most": limit}).scalars()
    until = now + lease
    claims = [Claim(job=job, token=uuid.uuid4().hex, until=until) for job in jobs_by_ids(connection, list(ids))]
    if claims:
        taken = {"claimant": owner, "until": until}
        connection.execute(_TAKE, [{"of_job": claim.job.id, "token": claim.token, **taken} for claim in claims])
    return claims


def release_claims(connection: Connection, owner: str) -> int:
    """See `JobStore.release_claims`."""
    return _release(connection, jobs.c.claimed_by == owner)


def _release(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.execute(update(jobs).where(which).values(**NO_CLAIM)).rowcount


def replace_job(connection: Connection, job: Job, *, events: Sequence[Event], look_at: datetime | None) -> Job | None:
    """See `JobStore.replace`."""
    before = standing_of(connection, job.id)
    if before is None or before.version != job.version:
        return None
    stored = replace(job, version=job.version + 1)
    when: dict[str, Any] = {"look_at": look_at} if look_at is not None else {}
    write_job(connection, before, stored, **NO_CLAIM, **when)
    add_events(connection, job.id, events)
    return stored


def settle(
    connection: Connection,
    claim: Claim,
    job: Job | None,
    *,
    events: Sequence[Event],
    look_at: datetime | None,
    now: datetime,
) -> Job | None:
    """See `JobStore.settle`."""
    before = standing_of(connection, claim.job.id)
    if before is None:
        return None
    if (before.claim_token, before.version) != (claim.token, claim.job.version):
        make_due(connection, [claim.job.id], now)
        return None
    if job is None:
        remove_job(connection, before, claim.job.id)
        return None
    changed = bool(events) or job != claim.job
    stored = replace(job, version=job.version + 1) if changed else job
    look_at = earlier(look_at, now) if before.hinted else look_at
    if changed:
        # Tags change with the version, and that is still the claim's; so does the history.
        write_job(connection, before, stored, tags=claim.job.tags, **NO_CLAIM, look_at=look_at)
        add_events(connection, job.id, events, are_first=claim.job.version == 1)
    else:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(**NO_CLAIM, look_at=look_at))
    return stored


def make_due(connection: Connection, job_ids: Collection[int], now: datetime) -> None:
    """See `JobStore.make_due`."""
    for some in chunks(job_ids):
        these = jobs.c.id.in_(some)
        connection.execute(update(jobs).where(these).values(hinted=True))
        later = or_(jobs.c.look_at.is_(None), jobs.c.look_at > now)
        connection.execute(update(jobs).where(these, later).values(look_at=now))


def next_look(connection: Connection) -> datetime | None:
    """See `JobStore.next_look`."""
    return earlier(connection.execute(_NEXT_DUE).scalar_one(), connection.execute(_NEXT_TO_RUN_OUT).scalar_one())


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two times; None is never."""
    return min((time for time in (one, other) if time is not None), default=None)
