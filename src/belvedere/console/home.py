"""The rows of the home page, in words. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from belvedere.console.progress import duration_text
from belvedere.console.tones import badge_of
from belvedere.contract.jobs import JobDetails, JobList
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.status import STATUS_TABLE, Verb
from belvedere.runtimes.board import Sighting

_STOPS: Final = {
    JobStatus.RUNNING: "stops in {left}",
    **dict.fromkeys((JobStatus.INIT, JobStatus.SUBMIT_TRYING, JobStatus.WAITING), "stops after {left} of running"),
}


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job as the table shows it."""

    id: int
    name: str
    description: str
    type: str
    word: str
    tone: str
    reason: str
    stops: str
    train_url: str  # of the first source
    further: int  # sources
    created: str
    created_text: str
    opens: bool


def job_row(job: JobDetails, sighting: Sighting | None, now: datetime) -> JobRow:
    """The job's row."""
    badge = badge_of(job, sighting)
    created = datetime.fromtimestamp(job.create_time / 1000, UTC)
    return JobRow(
        id=job.job_id,
        name=job.job_name,
        description=job.job_desc,
        type=job.job_type,
        word=badge.word,
        tone=badge.tone,
        reason=job.reason.text if job.reason else "",
        stops=stops_text(job),
        train_url=job.train_url,
        further=max(len(job.sources) - 1, 0),
        created=created.isoformat(timespec="seconds"),
        created_text=age_text(created, now),
        opens=Verb.OPEN in STATUS_TABLE[JobStatus(job.status)].verbs,
    )


def stops_text(job: JobDetails) -> str:
    """When the job stops by itself; empty if it does not, or is ending already. Before it runs no time goes by."""
    if job.remaining_duration is None:
        return ""
    left = duration_text(job.remaining_duration // 1000)
    return _STOPS.get(JobStatus(job.status), "").format(left=left)


def age_text(moment: datetime, now: datetime) -> str:
    """How long ago, while that is more telling than a date."""
    age = now - moment
    if age < timedelta(minutes=1):
        return "just now"
    if age < timedelta(hours=1):
        return f"{age // timedelta(minutes=1)} min ago"
    if age < timedelta(days=1):
        return f"{age // timedelta(hours=1)} h ago"
    return f"{moment.day} {moment:%b %Y}"


def count_text(jobs: JobList) -> str:
    """How many jobs there are, and whether the table leaves some out."""
    shown, total = len(jobs.jobs), jobs.job_total_count
    if shown < total:
        return f"The latest {shown} of {total:,} jobs."
    return f"{total:,} job{'' if total == 1 else 's'}"
