"""Which colour a status word wears."""

from belvedere.contract.statuses import JobStatus

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


def tone_of(status: JobStatus) -> str:
    """A class of the style sheet: good, busy, bad or calm."""
    return _TONES.get(status, "calm")
