"""Running time and auto-stop. Only *running* counts: not queueing, not being stopped, not a lost engine."""

from datetime import datetime, timedelta

from belvedere.lifecycle.jobs import Job


def running_time(job: Job, now: datetime) -> timedelta:
    """How long the present attempt has run in all, up to `now`. Never negative, also when clocks disagree."""
    run = job.run
    if run.running_since is None:
        return run.ran_before
    return run.ran_before + max(now - run.running_since, timedelta(0))


def remaining_time(job: Job, now: datetime) -> timedelta | None:
    """Running time left before auto-stop; None without auto-stop or once the attempt has ended."""
    allowed = job.auto_stop.after if job.auto_stop else None
    if allowed is None or job.run.end is not None:
        return None
    return max(allowed - running_time(job, now), timedelta(0))


def stop_at(job: Job) -> datetime | None:
    """The moment at which auto-stop is due, if the job runs on; None if it doesn't run or has no auto-stop."""
    run = job.run
    allowed = job.auto_stop.after if job.auto_stop else None
    if allowed is None or run.running_since is None:
        return None
    return run.running_since + (allowed - run.ran_before)
