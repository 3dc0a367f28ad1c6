"""A job: what the user asked for, and what became of it. Facts only; every word about them is computed.

Times are aware UTC datetimes.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from belvedere.contract.reasons import Reason


class Intent(StrEnum):
    """What is wanted of a job now."""

    RUN = "run"
    STOP = "stop"
    DELETE = "delete"


class StopCause(StrEnum):
    """Who wants it stopped."""

    USER = "user"
    SCHEDULE = "schedule"


class End(StrEnum):
    """Why an attempt ended."""

    USER = "user"  # stopped by a user
    SCHEDULE = "schedule"  # auto-stop
    SUBMIT = "submit"  # could not be launched at all
    VIEWER = "viewer"  # the viewer cannot be kept alive
    SOURCE = "source"  # the log source cannot be read
    LOST = "lost"  # the engine no longer knows it


class TimeUnit(StrEnum):
    """Units of a schedule's duration on the wire."""

    HOURS = "HOURS"
    MINUTES = "MINUTES"
    SECONDS = "SECONDS"

    @property
    def seconds(self) -> int:
        """Length of one unit."""
        return {"HOURS": 3600, "MINUTES": 60, "SECONDS": 1}[self.value]


class AutoStop(msgspec.Struct, frozen=True, kw_only=True):
    """Stop after so much running time. `duration` 0 means never."""

    duration: int
    unit: TimeUnit = TimeUnit.HOURS

    @property
    def after(self) -> timedelta | None:
        """Running time allowed, or None without limit."""
        return timedelta(seconds=self.duration * self.unit.seconds) if self.duration else None


class Visibility(StrEnum):
    """Who in the project sees the job."""

    PROJECT = "project"
    PRIVATE = "private"


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where some of a job's logs lie, and which of them are shown. `store`: see `Job.store`.

    `name`: what its runs are shown below; "" only where it is the sole one. In `url`, ``*`` is a pattern unless it is
    `literal`: it came as a job's `train_url`. `latest`: see `sources.selecting`.
    """

    name: str
    url: str
    store: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    latest: int | None = None
    literal: bool = False


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of the present attempt. A restart begins with fresh ones."""

    taken_up_at: datetime | None = None
    submitted_at: datetime | None = None
    waiting: Reason | None = None
    running_since: datetime | None = None  # start of the present spell of running
    ran_before: timedelta = timedelta(0)  # running time of earlier spells
    first_ran_at: datetime | None = None
    losses: int = 0  # how often a running viewer vanished from its engine
    unreachable_since: datetime | None = None  # the engine can't be asked
    note: Reason | None = None  # what to tell about a job that goes on, such as "nothing to show here"
    ended_at: datetime | None = None
    end: End | None = None
    end_reason: Reason | None = None
    delete_failed_at: datetime | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One visualization job.

    `revision` counts changes that a user made (the ETag); `version` counts all writes and guards them.
    `attempt` grows with every restart and is the fencing token at the runtime.
    """

    id: int
    project_id: str
    name: str
    train_url: str  # with `sources`, the first one's
    store: str = ""  # the log store that `train_url` lies in, by its name in the project; "": it is a folder
    sources: tuple[Source, ...] = ()  # none: `train_url` alone
    created_at: datetime
    updated_at: datetime
    description: str = ""
    job_type: str = "tensorboard"
    flavor: str = "default"
    owner: str = ""
    tags: tuple[str, ...] = ()
    visibility: Visibility = Visibility.PROJECT
    resource_id: str = ""
    auto_stop: AutoStop | None = None
    sleep_after: int | None = None  # seconds without use until its viewer sleeps; 0: never; None: as the service says
    intent: Intent = Intent.RUN
    intended_at: datetime
    stop_cause: StopCause | None = None
    attempt: int = 1
    run: Run = Run()
    revision: int = 1
    version: int = 1


def sources_of(job: Job) -> tuple[Source, ...]:
    """The job's log sources, at least one."""
    return job.sources or (Source(name="", url=job.train_url, store=job.store, literal="*" in job.train_url),)


def is_brand_new(job: Job) -> bool:
    """Whether it is to run, and nobody has taken it up yet."""
    return job.run.taken_up_at is None and job.intent is Intent.RUN


def urls_of(job: Job) -> tuple[str, ...]:
    """Where the job's logs lie, as its user wrote it."""
    return tuple(source.url for source in sources_of(job))


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a job, for its owner to read."""

    at: datetime
    kind: str  # a stable word: "created", "running", "stopped", …
    text: str
    attempt: int = 1
    reason: str | None = None
