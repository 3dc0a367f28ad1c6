"""From checked requests to the values of the rooms below. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from belvedere.contract import limits
from belvedere.contract.errors import PermissionDenied, RequestError
from belvedere.contract.listing import ValidList
from belvedere.contract.source_rules import ValidSource
from belvedere.contract.statuses import JobStatus
from belvedere.contract.validation import ValidCreate, ValidSchedule, ValidUpdate
from belvedere.identity.records import Principal
from belvedere.lifecycle.jobs import AutoStop, Job, Source, TimeUnit, Visibility, sources_of
from belvedere.lifecycle.status import Verb, require
from belvedere.store.base import IdempotencyKey, JobQuery, NewJob, SortKey

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder(order="sorted").encode


def new_job(who: Principal, request: ValidCreate, stores: Sequence[str]) -> NewJob:
    """The job that is asked for; `stores`: where the logs of each of its sources were found to lie."""
    sources = () if request.sources is UNSET else request.sources
    return NewJob(
        project_id=who.project_id,
        name=request.job_name,
        description=request.job_desc,
        job_type=request.job_type,
        train_url=request.train_url,
        flavor=request.flavor,
        owner=who.user,
        tags=request.tags,
        visibility=Visibility(request.visibility),
        auto_stop=auto_stop(request.schedule),
        sleep_after=request.sleep_after,
        store=stores[0],
        sources=settled_sources(sources, stores),
    )


def settled_sources(
    sources: Sequence[ValidSource], stores: Iterable[str], known: Sequence[Source] = ()
) -> tuple[Source, ...]:
    """The sources as they are kept, each with the store that it was found to lie in.

    What a `known` one names literally goes on to mean that, whatever it is called now.
    """
    literal = {(source.url, source.store) for source in known if source.literal}
    return tuple(
        Source(
            name=source.name,
            url=source.url,
            store=store,
            include=source.include,
            exclude=source.exclude,
            latest=source.latest,
            literal=(source.url, store) in literal,
        )
        for source, store in zip(sources, stores, strict=False)
    )


def with_sources(job: Job, sources: tuple[Source, ...], now: datetime) -> Job:
    """The job as changed; the same job if nothing changes. Raises IllegalState."""
    require(Verb.UPDATE, job)
    if sources == sources_of(job):
        return job
    first = sources[0]
    changed = replace(job, sources=sources, train_url=first.url, store=first.store)
    return replace(changed, updated_at=now, revision=job.revision + 1)


def idempotency_key(who: Principal, request: ValidCreate, key: str | None) -> IdempotencyKey | None:
    """The key with a digest of who asks for what, so that spelling and order of the body's fields don't matter.

    Raises RequestError for a key that is none.
    """
    if key is None:
        return None
    if not limits.IDEMPOTENCY_KEY.fullmatch(key):
        raise RequestError("Idempotency-Key: expected 1 to 255 printable ASCII characters without blanks.")
    digest = hashlib.sha256(_encode((who.user, request))).hexdigest()
    return IdempotencyKey(key=key, digest=digest, keep=timedelta(hours=limits.IDEMPOTENCY_HOURS))


def auto_stop(schedule: ValidSchedule | None) -> AutoStop | None:
    """The auto-stop of a schedule."""
    return AutoStop(duration=schedule.duration, unit=TimeUnit(schedule.time_unit)) if schedule else None


def updated(job: Job, who: Principal, update: ValidUpdate, now: datetime) -> Job:
    """The job as changed; the same job if nothing changes. Raises IllegalState, PermissionDenied."""
    require(Verb.UPDATE, job)
    changed = replace(
        job,
        description=job.description if update.job_desc is UNSET else update.job_desc,
        auto_stop=job.auto_stop if update.schedule is UNSET else auto_stop(update.schedule),
        tags=job.tags if update.tags is UNSET else update.tags,
        sleep_after=job.sleep_after if update.sleep_after is UNSET else update.sleep_after,
        visibility=job.visibility if update.visibility is UNSET else Visibility(update.visibility),
    )
    if changed.visibility is not job.visibility and job.owner != who.user:
        raise PermissionDenied("visibility: only the job's owner may change it. Ask them, or leave it out.")
    return job if changed == job else replace(changed, updated_at=now, revision=job.revision + 1)


def told_of_sources(before: Job, after: Job) -> str:
    """What became of a job's sources, for its history."""
    old = {source.name: source for source in sources_of(before)}
    new = {source.name: source for source in sources_of(after)}
    gone = {replace(old[name], name=""): name for name in old if name not in new}
    moved = {
        name: was for name in new if name not in old and (was := gone.get(replace(new[name], name=""))) is not None
    }
    groups = {
        "Attached": [name or after.train_url for name in new if name not in old and name not in moved],
        "Changed": [name or after.train_url for name in new if name in old and new[name] != old[name]],
        "Detached": [name or before.train_url for name in old if name not in new and name not in moved.values()],
    }
    told = [f"{word} log sources: {', '.join(names)}." for word, names in groups.items() if names]
    told += [
        f"The runs of {new[name].url} are shown {f'below {name}/' if name else 'as they are'} now." for name in moved
    ]
    return " ".join(told) or "A user put its log sources in another order."


def job_query(who: Principal, request: ValidList) -> JobQuery:
    """The page that is asked for."""
    return JobQuery(
        project_id=who.project_id,
        viewer=who.user,
        statuses=frozenset(JobStatus(number) for number in request.statuses),
        search=request.search,
        tags=request.tags,
        owner=request.owner,
        job_type=request.job_type,
        created_from=moment_of(request.created_from),
        created_before=moment_of(request.created_before),
        sort=SortKey(request.sort),
        descending=request.descending,
        page=request.page,
        per_page=request.per_page,
        marker=request.marker,
    )


def moment_of(epoch_ms: int | None) -> datetime | None:
    """The moment so many milliseconds after 1970."""
    return None if epoch_ms is None else _EPOCH + timedelta(milliseconds=epoch_ms)
