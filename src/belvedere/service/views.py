"""From a job and what is seen of it to the answers of the contract. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from belvedere.contract.jobs import (
    FlavorRef,
    JobCreated,
    JobDetails,
    JobEvent,
    JobSourceState,
    ScheduleItem,
    SourceProgress,
)
from belvedere.contract.origins import ViewerOrigins
from belvedere.contract.reasons import Reason
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.jobs import AutoStop, Event, Job, Source, sources_of
from belvedere.lifecycle.schedule import remaining_time, running_time
from belvedere.lifecycle.seen import Phase, SeenSource
from belvedere.lifecycle.status import allowed_verbs, reason_of, status_of
from belvedere.runtimes.board import Sighting

# A path and a query, without empty or dot segments.
_LETTERS = r"A-Za-z0-9._~!$&'()*+,;=:@%-"
_WITHIN = re.compile(rf"(?:/(?!/|\.{{1,2}}(?:[/?]|$))[{_LETTERS}]*)+(?:\?[{_LETTERS}/?]*)?")
_MILLISECOND = timedelta(milliseconds=1)


def service_url(job: Job, origins: ViewerOrigins) -> str:
    """Where the job's viewer stands: the same for the job's whole life."""
    return f"{origins.linked(job.id)}{viewer_path(job)}/"


def viewer_path(job: Job) -> str:
    """The path of the job's viewer on any origin, without a slash at the end."""
    return f"/modelarts2/{job.job_type}/{job.project_id}/{job.id}"


def with_ticket(url: str, rest: str, ticket: str) -> str:
    """A link below `url` to the place `rest`, with the ticket in its query; nothing in `rest` leads anywhere else."""
    path, mark, query = (rest if _WITHIN.fullmatch(rest) else "/").partition("?")
    return f"{url}{path}?{query}{'&' if mark and query else ''}ticket={ticket}"


def created(job: Job, origins: ViewerOrigins, reason: Reason | None) -> JobCreated:
    """The answer of create; `reason` is what the check of the log source found."""
    return JobCreated(
        job_id=job.id,
        job_name=job.name,
        status=int(status_of(job)),
        create_time=epoch_ms(job.created_at),
        service_url=service_url(job, origins),
        reason=reason,
    )


def details(job: Job, sighting: Sighting | None, now: datetime, origins: ViewerOrigins) -> JobDetails:
    """The answer of details, and a row of a list."""
    status = status_of(job)
    remaining = remaining_time(job, now)
    return JobDetails(
        job_id=job.id,
        job_name=job.name,
        job_desc=job.description,
        job_type=job.job_type,
        status=int(status),
        create_time=epoch_ms(job.created_at),
        duration=running_time(job, now) // _MILLISECOND,
        remaining_duration=None if remaining is None else remaining // _MILLISECOND,
        service_url=service_url(job, origins),
        train_url=job.train_url,
        resource_id=job.resource_id,
        schedule=schedule_items(job.auto_stop),
        flavor=FlavorRef(code=job.flavor),
        status_name=status.name,
        reason=reason_of(job),
        tags=list(job.tags),
        visibility=job.visibility.value,
        owner=job.owner,
        started_time=_optional_ms(job.run.first_ran_at),
        ended_time=_optional_ms(job.run.ended_at),
        attempt=job.attempt,
        store=job.store,
        sleep_after="never" if job.sleep_after == 0 else job.sleep_after,
        asleep=status is JobStatus.RUNNING and _is_asleep(job, sighting),
        allowed=sorted(verb.value for verb in allowed_verbs(job)),
        source=_progress(job, sighting),
        sources=sources(job, sighting),
    )


def sources(job: Job, sighting: Sighting | None) -> list[JobSourceState]:
    """The job's log sources, each with what is seen of it."""
    seen = {each.name: each for each in sighting.seen.sources} if sighting and _is_current(job, sighting) else {}
    return [_source_state(source, seen.get(source.name)) for source in sources_of(job)]


def _source_state(source: Source, seen: SeenSource | None) -> JobSourceState:
    return JobSourceState(
        name=source.name,
        url=source.url,
        store=source.store,
        include=list(source.include),
        exclude=list(source.exclude),
        latest=source.latest,
        reason=seen.reason if seen else None,
        progress=seen.progress if seen else None,
    )


def events(recorded: Sequence[Event]) -> list[JobEvent]:
    """What happened to a job, in the order given."""
    return [
        JobEvent(time=epoch_ms(event.at), kind=event.kind, text=event.text, attempt=event.attempt, reason=event.reason)
        for event in recorded
    ]


def schedule_items(auto_stop: AutoStop | None) -> list[ScheduleItem]:
    """The auto-stop as a list, with the unit in both documented spellings."""
    if auto_stop is None:
        return []
    unit = auto_stop.unit.value
    return [ScheduleItem(type="stop", time_unit=unit, timeUnit=unit, duration=auto_stop.duration)]


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return round(moment.timestamp() * 1000)


def _optional_ms(moment: datetime | None) -> int | None:
    return None if moment is None else epoch_ms(moment)


def _progress(job: Job, sighting: Sighting | None) -> SourceProgress | None:
    """How far the present attempt has read its log source; what is known of an earlier one doesn't count."""
    return sighting.seen.source if sighting and _is_current(job, sighting) else None


def _is_asleep(job: Job, sighting: Sighting | None) -> bool:
    return sighting is not None and _is_current(job, sighting) and sighting.seen.phase is Phase.ASLEEP


def _is_current(job: Job, sighting: Sighting) -> bool:
    return sighting.job.attempt == job.attempt
