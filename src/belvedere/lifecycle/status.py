"""The one table: from a job's facts to its status, and from the status to what may be done with it."""

from enum import StrEnum

import msgspec

from belvedere.contract.errors import IllegalState
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.jobs import End, Intent, Job


class Verb(StrEnum):
    """What a user can do with a job. Values are the words of the API, the CLI and the buttons."""

    OPEN = "open"
    UPDATE = "update"
    STOP = "stop"
    RESTART = "restart"
    DELETE = "delete"


class StatusRow(msgspec.Struct, frozen=True):
    """What one status means for its users."""

    word: str  # one word or two, for people
    verbs: frozenset[Verb]


_ALIVE = frozenset({Verb.OPEN, Verb.UPDATE, Verb.STOP, Verb.DELETE})
_ENDED = frozenset({Verb.UPDATE, Verb.RESTART, Verb.DELETE})

STATUS_TABLE: dict[JobStatus, StatusRow] = {
    JobStatus.INIT: StatusRow("Initializing", _ALIVE),
    JobStatus.SUBMIT_TRYING: StatusRow("Starting", _ALIVE),
    JobStatus.WAITING: StatusRow("Waiting", _ALIVE),
    JobStatus.RUNNING: StatusRow("Running", _ALIVE),
    JobStatus.KILLING: StatusRow("Stopping", frozenset({Verb.UPDATE})),
    JobStatus.COMPLETED: StatusRow("Completed", _ENDED),
    JobStatus.KILLED: StatusRow("Stopped", _ENDED),
    JobStatus.SUBMIT_FAILED: StatusRow("Could not start", _ENDED),
    JobStatus.FAILED: StatusRow("Failed", _ENDED),
    JobStatus.MOUNT_FAILED: StatusRow("Logs unreadable", _ENDED),
    JobStatus.LOST: StatusRow("Lost", _ENDED),
    JobStatus.DELETE_FAILED: StatusRow("Delete failed", frozenset({Verb.DELETE})),
}

_STATUS_OF_END: dict[End, JobStatus] = {
    End.USER: JobStatus.KILLED,
    End.SCHEDULE: JobStatus.COMPLETED,
    End.SUBMIT: JobStatus.SUBMIT_FAILED,
    End.VIEWER: JobStatus.FAILED,
    End.SOURCE: JobStatus.MOUNT_FAILED,
    End.LOST: JobStatus.LOST,
}

# The documented refusals, to the letter: "This job can't be stop. job status: 10".
_REFUSAL_WORD = {Verb.STOP: "stop", Verb.RESTART: "resubmit", Verb.DELETE: "delete", Verb.UPDATE: "update"}


def status_of(job: Job) -> JobStatus:
    """The job's status, computed from its facts."""
    run = job.run
    if job.intent is Intent.DELETE:
        return JobStatus.DELETE_FAILED if run.delete_failed_at else JobStatus.KILLING
    if run.end is not None:
        return _STATUS_OF_END[run.end]
    if job.intent is Intent.STOP:
        return JobStatus.KILLING
    if run.running_since is not None:
        return JobStatus.RUNNING
    if run.waiting is not None:
        return JobStatus.WAITING
    return JobStatus.INIT if run.submitted_at is None else JobStatus.SUBMIT_TRYING


def reason_of(job: Job) -> Reason | None:
    """Why the job has its status, where that needs saying."""
    run = job.run
    if job.intent is Intent.DELETE:
        return _DELETE_PENDING if run.delete_failed_at else None
    return run.end_reason if run.end is not None else run.waiting or run.note


_DELETE_PENDING = Reason(
    code=ReasonCode.DELETE_PENDING,
    text="The viewer could not be ended yet; deletion is tried again by itself.",
)


def allowed_verbs(job: Job) -> frozenset[Verb]:
    """What a user may do with the job now."""
    return STATUS_TABLE[status_of(job)].verbs


def require(verb: Verb, job: Job) -> None:
    """Raise IllegalState, in the documented words, unless the job's status allows the verb."""
    status = status_of(job)
    if verb not in STATUS_TABLE[status].verbs:
        raise IllegalState(f"This job can't be {_REFUSAL_WORD[verb]}. job status: {status.value}")
