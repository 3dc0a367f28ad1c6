"""A status's word, and which colour it wears. Pure."""

import msgspec

from belvedere.contract.jobs import JobDetails
from belvedere.contract.reasons import ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.seen import Phase
from belvedere.lifecycle.status import STATUS_TABLE
from belvedere.runtimes.board import Sighting

_TONES = {
    JobStatus.RUNNING: "good",
    JobStatus.INIT: "busy",
    JobStatus.SUBMIT_TRYING: "busy",
    JobStatus.WAITING: "busy",
    JobStatus.KILLING: "busy",
    JobStatus.SUBMIT_FAILED: "bad",
    JobStatus.DELETE_FAILED: "bad",
    JobStatus.FAILED: "bad",
    JobStatus.MOUNT_FAILED: "bad",
    JobStatus.LOST: "bad",
}


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """A word in a colour; `tone` is a class of the style sheet."""

    word: str
    tone: str


def tone_of(status: JobStatus) -> str:
    """A class of the style sheet: good, busy, bad or calm."""
    return _TONES.get(status, "calm")


def badge_of(job: JobDetails, sighting: Sighting | None) -> Badge:
    """The job's badge: a running job is no good news while it sleeps or has nothing to show."""
    status = JobStatus(job.status)
    word = STATUS_TABLE[status].word
    if status is not JobStatus.RUNNING:
        return Badge(word=word, tone=tone_of(status))
    if sighting is not None and sighting.seen.phase is Phase.ASLEEP:
        return Badge(word="Asleep", tone="calm")
    empty = job.reason is not None and job.reason.code in {ReasonCode.NOTHING_TO_SHOW, ReasonCode.NO_SUCH_PATH}
    return Badge(word=word, tone="calm" if empty else "good")
