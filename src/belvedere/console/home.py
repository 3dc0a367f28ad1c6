"""The rows of the home page, in words. Pure."""

from datetime import UTC, datetime, timedelta

import msgspec

from belvedere.console.tones import tone_of
from belvedere.contract.jobs import JobDetails, JobList
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.status import STATUS_TABLE, Verb


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job as the table shows it."""

    id: int
    name: str
    description: str
    word: str
    tone: str
    reason: str
    train_url: str
    created: str
    created_text: str
    verb: str


def job_row(job: JobDetails, now: datetime) -> JobRow:
    """The job's row."""
    status = JobStatus(job.status)
    created = datetime.fromtimestamp(job.create_time / 1000, UTC)
    return JobRow(
        id=job.job_id,
        name=job.job_name,
        description=job.job_desc,
        word=STATUS_TABLE[status].word,
        tone=tone_of(status),
        reason=job.reason.text if job.reason else "",
        train_url=job.train_url,
        created=created.isoformat(timespec="seconds"),
        created_text=age_text(created, now),
        verb="Open" if Verb.OPEN in STATUS_TABLE[status].verbs else "Details",
    )


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
    """What the table leaves out."""
    shown, total = len(jobs.jobs), jobs.job_total_count
    if shown < total:
        return f"The latest {shown} of {total:,} jobs. All of them: belvedere job list"
    return f"{total:,} job{'' if total == 1 else 's'}"
