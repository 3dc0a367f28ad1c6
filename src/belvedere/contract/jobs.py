"""Request and response bodies of the seven operations and of our extensions to them.

Field names on the wire are ModelArts' own. Fields marked *extension* are ours; clients that don't know them lose
nothing. Source: ModelArts API reference, "Visualization Jobs"; decisions where it contradicts itself are explained in
`docs/reference/contract.md`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from belvedere.contract.iam import IamFault
from belvedere.contract.limits import LATEST_RUNS, PATTERNS, SLEEP_AFTER_LEAST, SLEEP_AFTER_MOST, SOURCES
from belvedere.contract.log_stores import NAME_PATTERN
from belvedere.contract.reasons import Reason

# Seconds without anybody looking until the viewer sleeps. Absent or null: the service's default.
SleepAfter = Annotated[int, Meta(ge=SLEEP_AFTER_LEAST, le=SLEEP_AFTER_MOST)] | Literal["never"]


class FlavorRef(msgspec.Struct, frozen=True):
    """A resource specification by its code."""

    code: str


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """A resource specification: what a viewer of it may take. `cpu` in cores; null where nothing is said."""

    code: str
    description: str = ""
    memory_bytes: int
    cpu: float | None = None
    is_default: bool = False


class FlavorList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/visualization-job-flavors: the default one comes first."""

    is_success: bool = True
    flavors: list[Flavor]


class ViewerKind(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer type. `logs`: what it shows is called so. `to_install`: the command, where it is not installed."""

    job_type: str
    title: str
    description: str = ""
    logs: str = ""
    is_installed: bool
    version: str = ""
    to_install: str = ""
    is_default: bool = False


class ViewerKindList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/viewer-types: the default one comes first."""

    is_success: bool = True
    viewer_types: list[ViewerKind]


class ScheduleItem(msgspec.Struct, frozen=True):
    """When the job stops by itself: after `duration` time units of *running*.

    `time_unit` is ``HOURS``, or as an extension ``MINUTES`` or ``SECONDS``. 0 means never. `timeUnit` is the spelling
    of the documented response sample; it is accepted and, in answers, given beside `time_unit`.
    """

    type: Annotated[str, Meta(examples=["stop"])] = ""
    time_unit: Annotated[str, Meta(examples=["HOURS"])] | UnsetType = UNSET
    timeUnit: Annotated[str, Meta(examples=["HOURS"])] | UnsetType = UNSET  # noqa: N815 - the wire's spelling
    duration: Annotated[int, Meta(ge=0, le=86400, description="0..24 for HOURS")] | UnsetType = UNSET


class JobSource(msgspec.Struct, frozen=True, kw_only=True):
    """One of a job's log sources: its runs are shown below `name`, which only a job's sole source may lack.

    In `url` a ``*`` stands for any part of one folder's name. `include` and `exclude` are patterns of runs or files,
    relative to the place. `latest`: only so many of its topmost folders, those whose logs changed last.
    """

    name: Annotated[str, Meta(pattern="^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$", examples=["baseline"])] = ""
    url: Annotated[str, Meta(min_length=1, examples=["obs://bucket/exp-*/"])]
    store: Annotated[str, Meta(pattern=NAME_PATTERN)] | None = None
    include: Annotated[list[str], Meta(max_length=PATTERNS)] | None = None
    exclude: Annotated[list[str], Meta(max_length=PATTERNS)] | None = None
    latest: Annotated[int, Meta(ge=1, le=LATEST_RUNS)] | None = None


class SetSources(msgspec.Struct, frozen=True, kw_only=True):
    """PUT …/{job_id}/sources: what the job shows from now on. Those that are not named are detached."""

    sources: Annotated[list[JobSource], Meta(min_length=1, max_length=SOURCES)]


class CreateJob(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v1/{project_id}/visualization-jobs. Either `train_url` or `sources` is mandatory."""

    job_name: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,20}$", examples=["visualization-job"])]
    train_url: Annotated[str, Meta(min_length=1, examples=["/bucket/prefix/"])] | None = None
    job_desc: Annotated[str, Meta(max_length=256)] | None = None
    job_type: Annotated[str, Meta(examples=["tensorboard"])] | None = None
    flavor: FlavorRef | None = None
    schedule: ScheduleItem | list[ScheduleItem] | None = None
    workspace_id: str | int | None = None
    tags: list[str] | None = None  # extension
    visibility: str | None = None  # extension: "project" (default) or "private"
    sleep_after: SleepAfter | None = None  # extension
    store: Annotated[str, Meta(pattern=NAME_PATTERN)] | None = None  # extension: the log store of train_url, by name
    sources: Annotated[list[JobSource], Meta(min_length=1, max_length=SOURCES)] | None = None  # extension


class UpdateJob(msgspec.Struct, frozen=True, kw_only=True):
    """PUT …/{job_id}. `job_desc` is the documented field; the others are extensions. Absent means unchanged.

    ``schedule: null`` or an empty list removes the auto-stop; ``sleep_after: null`` brings back the service's default.
    """

    job_desc: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET
    schedule: ScheduleItem | list[ScheduleItem] | None | UnsetType = UNSET
    tags: list[str] | None | UnsetType = UNSET
    visibility: str | UnsetType = UNSET
    sleep_after: SleepAfter | None | UnsetType = UNSET


class Success(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer of update, delete, stop and restart."""

    is_success: bool = True


class JobCreated(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of create. `create_time` in epoch milliseconds.

    `reason` (an extension) tells what the check of the log source found, when that is no ground to refuse the job.
    """

    is_success: bool = True
    job_id: int
    job_name: str
    status: int
    create_time: int
    service_url: str
    reason: Reason | None = None


class SourceProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log source has been read. Sizes in bytes; times in epoch milliseconds.

    `requests` and `bytes_fetched`: asked of the object store since the mirror was opened; nothing for a local folder.
    `rate`: bytes per second while copying; `seconds_left`: until all is there at that rate.
    `checked_at`: the last look at the source; `changed_at`: the newest change seen there; `next_look_at`: the next
    look or retry, None while one goes on and while nobody watches. `failures`: tries in a row that failed.
    `gives_up_at`: when a source that has not answered yet is given up; None for one that has.
    """

    state: str  # "listing", "copying", "current", "waiting" (a transient fault) or "failed"
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    requests: int = 0
    bytes_fetched: int = 0
    rate: int | None = None
    seconds_left: int | None = None
    checked_at: int | None = None
    changed_at: int | None = None
    next_look_at: int | None = None
    failures: int = 0
    gives_up_at: int | None = None
    reason: Reason | None = None


class JobSourceState(msgspec.Struct, frozen=True, kw_only=True):
    """One of a job's log sources, and how it stands. `reason`: why it can't be read, or what is to be told of it.

    `store`: the log store that it lies in, by its name; "": it is a folder. `progress` is null while nothing reads it.
    """

    name: str
    url: str
    store: str = ""
    include: list[str] = []
    exclude: list[str] = []
    latest: int | None = None
    reason: Reason | None = None
    progress: SourceProgress | None = None


class JobSources(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/sources. That of a change has a `reason` where the check of a source found what is to be told."""

    is_success: bool = True
    sources: list[JobSourceState]
    reason: Reason | None = None


class JobDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of details, and one row of a list. Durations in milliseconds, times in epoch milliseconds."""

    is_success: bool = True
    job_id: int
    job_name: str
    job_desc: str
    job_type: str
    status: int
    create_time: int
    duration: int
    remaining_duration: int | None
    service_url: str
    train_url: str
    resource_id: str
    schedule: list[ScheduleItem]
    flavor: FlavorRef
    workspace_id: str = "0"
    # Extensions
    status_name: str
    reason: Reason | None = None
    tags: list[str] = []
    visibility: str = "project"
    owner: str = ""
    started_time: int | None = None
    ended_time: int | None = None
    attempt: int = 1
    store: str = ""  # the log store that train_url lies in; "": it is a folder
    sleep_after: SleepAfter | None = None
    asleep: bool = False  # it runs, and its viewer sleeps: its URL wakes it
    allowed: list[str] = []
    source: SourceProgress | None = None  # of all its log sources together
    sources: list[JobSourceState] = []


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of list. `quotas`: jobs a project may have; `job_count_limit`: how many more it may create."""

    is_success: bool = True
    job_total_count: int
    job_count_limit: int
    quotas: int
    jobs: list[JobDetails]
    next_marker: str | None = None  # extension: pass it as `marker` for the next page, at constant cost


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a job; `time` in epoch milliseconds."""

    time: int
    kind: str
    text: str
    attempt: int
    reason: str | None = None


class JobEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/events, oldest first."""

    is_success: bool = True
    events: list[JobEvent]


class JobLogs(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/logs: the viewer's last lines, oldest first."""

    is_success: bool = True
    lines: list[str]


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/ticket: `url` opens the viewer in a browser once, within `expires_in` seconds."""

    is_success: bool = True
    url: str
    expires_in: int


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The error that every real client understands: the documented keys, Huawei's SDK core's and openstacksdk's."""

    is_success: bool = False
    error_code: str
    error_message: str
    error_msg: str
    message: str
    request_id: str
    error: IamFault | UnsetType = UNSET  # below /v3 alone
