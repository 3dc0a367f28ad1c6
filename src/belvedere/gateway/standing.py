"""What to show for a job right now: the viewer, or a page about why not yet, or no longer. Pure."""

from enum import StrEnum

import msgspec

from belvedere.console.progress import Words, outlook, progress_share, progress_text
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.jobs import Intent, Job
from belvedere.lifecycle.seen import Endpoint, Phase, Seen
from belvedere.lifecycle.status import STATUS_TABLE, Verb, reason_of, status_of
from belvedere.runtimes.board import Sighting


class Standing(StrEnum):
    """What a job's URL leads to."""

    READY = "ready"  # the viewer
    EMPTY = "empty"  # the viewer, but it has nothing to show yet
    COMING = "coming"  # it will be the viewer, without anybody's doing
    ENDING = "ending"  # being stopped or deleted
    ENDED = "ended"  # over, until someone restarts it


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """What the pages and their script are told of a job. `done` is 0 to 1, or None while nobody can know."""

    standing: Standing
    job_id: int
    name: str
    status: int
    word: str
    title: str
    sentence: str
    code: str | None = None
    detail: str = ""
    outlook: Words = ()
    done: float | None = None


_STANDING_OF_STATUS = {JobStatus.KILLING: Standing.ENDING, JobStatus.DELETE_FAILED: Standing.ENDING}


def standing_of(sighting: Sighting) -> Standing:
    """What the job's URL leads to now."""
    status = status_of(sighting.job)
    if Verb.OPEN not in STATUS_TABLE[status].verbs:
        return _STANDING_OF_STATUS.get(status, Standing.ENDED)
    if endpoint_of(sighting) is None:
        return Standing.COMING
    return Standing.EMPTY if _is_empty(sighting.seen) else Standing.READY


def _is_empty(seen: Seen) -> bool:
    """Whether there is nothing to see. A path that went away under a viewer leaves it with what it has read."""
    match seen.reason.code if seen.reason else None:
        case ReasonCode.NOTHING_TO_SHOW:
            return True
        case ReasonCode.NO_SUCH_PATH:
            return seen.source is None or seen.source.files_done == 0
        case _:
            return False


def endpoint_of(sighting: Sighting) -> Endpoint | None:
    """Where the job's viewer answers now, if it does and may be shown."""
    seen = sighting.seen
    up = seen.phase is Phase.READY and seen.attempt == sighting.job.attempt
    return seen.endpoint if up and Verb.OPEN in STATUS_TABLE[status_of(sighting.job)].verbs else None


def is_asleep(sighting: Sighting) -> bool:
    """Whether the job's viewer sleeps, so that use wakes it."""
    return sighting.seen.phase is Phase.ASLEEP and standing_of(sighting) is Standing.COMING


def is_returning(sighting: Sighting) -> bool:
    """Whether a viewer that ran before is about to answer again: it was woken, or is being restarted."""
    returns = sighting.seen.phase in {Phase.ASLEEP, Phase.STARTING, Phase.RECOVERING}
    return returns and status_of(sighting.job) is JobStatus.RUNNING


def view_of(sighting: Sighting) -> JobView:
    """The job in words."""
    job, seen = sighting.job, sighting.seen
    standing = standing_of(sighting)
    status = status_of(job)
    reason = _reason(standing, job, seen)
    source = seen.source if standing in {Standing.COMING, Standing.EMPTY} else None
    sentence = reason.text if reason else _WAKING if is_asleep(sighting) else _SENTENCES[standing]
    detail = progress_text(source) if source else ""
    return JobView(
        standing=standing,
        job_id=job.id,
        name=job.name,
        status=status.value,
        word=STATUS_TABLE[status].word,
        title=_title(standing, job, seen),
        sentence=sentence,
        code=reason.code.value if reason else None,
        detail="" if detail == sentence else detail,
        outlook=_capital(outlook(source)) if source else (),
        done=progress_share(source) if source else None,
    )


def _reason(standing: Standing, job: Job, seen: Seen) -> Reason | None:
    if standing in {Standing.EMPTY, Standing.COMING} and seen.reason and seen.attempt == job.attempt:
        return seen.reason
    return reason_of(job)


def _capital(words: Words) -> Words:
    first, *rest = words or ("",)
    return (first[:1].upper() + first[1:], *rest) if isinstance(first, str) and first else words


_SENTENCES = {
    Standing.READY: "The viewer answers.",
    Standing.EMPTY: "There is nothing to show in the log folder yet.",
    Standing.COMING: "The viewer opens here by itself as soon as it answers.",
    Standing.ENDING: "The viewer is being ended.",
    Standing.ENDED: "The viewer has ended.",
}

_WAKING = "It sleeps while nobody looks, and opens here by itself as soon as it is awake."

_TITLES = {
    Standing.READY: "Opening the viewer",
    Standing.EMPTY: "Nothing to show yet",
    Standing.ENDING: "This job is being stopped",
}

_COMING_TITLES = {
    "listing": "Fetching the logs",
    "copying": "Fetching the logs",
    "waiting": "Waiting for the logs",
}

_ENDED_TITLES = {
    JobStatus.COMPLETED: "This job’s time was up",
    JobStatus.KILLED: "This job was stopped",
    JobStatus.SUBMIT_FAILED: "The viewer could not be started",
    JobStatus.FAILED: "The viewer failed",
    JobStatus.MOUNT_FAILED: "The logs could not be read",
    JobStatus.LOST: "The viewer was lost",
}


def _title(standing: Standing, job: Job, seen: Seen) -> str:
    if standing is Standing.ENDED:
        return _ENDED_TITLES.get(status_of(job), "This job has ended")
    if standing is Standing.ENDING and job.intent is Intent.DELETE:
        return "This job is being deleted"
    if standing is not Standing.COMING:
        return _TITLES[standing]
    if status_of(job) is JobStatus.WAITING or seen.phase is Phase.WAITING:
        return "Waiting for a place"
    if seen.phase is Phase.ASLEEP:
        return "Waking the viewer"
    if seen.phase is Phase.RECOVERING:
        return "Starting the viewer again"
    return _COMING_TITLES.get(seen.source.state if seen.source else "", "Starting the viewer")
