"""The control API's words: what a runtime tells a viewer host, and what it answers. JSON over HTTP on a unix socket.

GET    /v1/host                      HostInfo
PUT    /v1/stores                    list[ObjectStore]: credentials for the mirrors, held in memory only
PUT    /v1/viewers/{job_id}          ViewerSpec -> Seen; repeatable; a newer attempt replaces an older one's viewer,
                                     a newer revision of the same attempt changes what it shows and how long it stays
                                     awake
GET    /v1/viewers                   dict[job id, Seen]: all; with ?ids=1,2,3 those of them that are
DELETE /v1/viewers/{job_id}          Seen; repeatable; returns at once, STOPPING until all its processes are gone
GET    /v1/viewers/{job_id}/logs     ?tail=N -> list[str]
POST   /v1/uses                      list[job id]: people look at these now; wakes those that sleep
GET    /v1/changes?after=N           Changes: waits up to 25 s for one; N from the last answer, 0 at first
GET    /v1/metrics                   HostMetrics
POST   /v1/shutdown                  ends all viewers, then the host

A request with a `Belvedere-Host` header is meant for the host of that id only; another one answers 421.
"""

from datetime import datetime

import msgspec

from belvedere.contract.reasons import Reason
from belvedere.lifecycle.seen import Seen
from belvedere.sources.location import Location

HOST_HEADER = "Belvedere-Host"
PROTOCOL = 2  # grows when an older host could misunderstand us


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One place that a viewer shows, below `name`; "" for a sole one. Without a location there is the reason why."""

    name: str = ""
    location: Location | None = None
    reason: Reason | None = None


class ViewerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer as wanted. `attempt` is the fencing token: a lower one than the present is refused.

    `revision` is that of the job which this spec was made of; it is given back in `Seen`, so that whoever looks can
    tell whether the host knows the latest wishes. `asleep` counts for a viewer that isn't there yet.
    """

    job_id: int
    attempt: int
    project_id: str
    viewer_type: str
    sources: tuple[SourceSpec, ...]  # at least one
    revision: int = 0
    sleep_after: float | None = None  # seconds without use until it sleeps; None: never
    asleep: bool = False  # register it without starting it: use wakes it
    memory_bytes: int | None = None  # what it may take, with all its processes; None: no limit
    project_awake: int | None = None  # how many viewers of its project may be awake; None: no limit
    project_memory: int | None = None  # what they may take together; None: no limit
    project_mirrors: int | None = None  # bytes on disk for logs from object stores that are open; None: no limit


class HostInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers. `host_id` is drawn at each start of a host."""

    host_id: str
    protocol: int
    version: str
    pid: int
    started_at: datetime
    viewers: int
    memory_limits: str = ""  # what keeps viewers within their memory: "cgroup v1", "cgroup v2" or "watching"


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Viewers that changed since `after`, and how they look. `cursor` goes into the next question.

    An `after` from another host, or too old, answers with all job ids.
    """

    cursor: int
    job_ids: list[int]
    seen: dict[int, Seen] = {}


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of an object store, and bytes that came of it."""

    requests: int
    bytes: int


class HostMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the host started; and how many tasks it has now, which stays the same when viewers have gone."""

    viewer_starts: int = 0
    viewer_crashes: int = 0
    stores: dict[str, Traffic] = {}
    tasks: int = 0
