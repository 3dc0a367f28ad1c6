"""What a user's request does to a job: from a job to the job as intended. Each checks the status table first."""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from belvedere.lifecycle.jobs import Intent, Job, Run, StopCause
from belvedere.lifecycle.status import Verb, require


def stop(job: Job, now: datetime) -> Job:
    """The job, to be stopped. Raises IllegalState."""
    require(Verb.STOP, job)
    return _intend(replace(job, stop_cause=StopCause.USER), Intent.STOP, now)


def restart(job: Job, now: datetime) -> Job:
    """The job, to be run again under the same id and URL, with all its running time before it. Raises IllegalState."""
    require(Verb.RESTART, job)
    return _intend(replace(job, stop_cause=None, attempt=job.attempt + 1, run=Run()), Intent.RUN, now)


def delete(job: Job, now: datetime) -> Job:
    """The job, to be deleted. Raises IllegalState."""
    require(Verb.DELETE, job)
    return _intend(replace(job, run=replace(job.run, delete_failed_at=None)), Intent.DELETE, now)


def apply_verb(verb: Verb, job: Job, now: datetime) -> Job:
    """`stop`, `restart` or `delete` by name."""
    match verb:
        case Verb.STOP:
            return stop(job, now)
        case Verb.RESTART:
            return restart(job, now)
        case Verb.DELETE:
            return delete(job, now)
        case Verb.OPEN | Verb.UPDATE:
            raise ValueError(f"{verb} does not change a job's intent")
    assert_never(verb)


def _intend(job: Job, intent: Intent, now: datetime) -> Job:
    return replace(job, intent=intent, intended_at=now, updated_at=now, revision=job.revision + 1)
