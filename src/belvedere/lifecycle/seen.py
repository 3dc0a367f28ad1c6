"""What a runtime says about a job's viewer: observations, never wishes."""

from datetime import datetime
from enum import StrEnum

import msgspec

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason
from belvedere.lifecycle.jobs import End


class Phase(StrEnum):
    """State of a viewer at its host."""

    UNKNOWN = "unknown"  # the runtime can't be asked now
    ABSENT = "absent"  # the runtime has nothing under this id
    WAITING = "waiting"  # accepted, waits for capacity
    STARTING = "starting"  # processes start, or logs are being fetched and loaded
    READY = "ready"  # its URL answers with data loaded
    ASLEEP = "asleep"  # nobody looked for a while: no process, no memory; use wakes it
    RECOVERING = "recovering"  # it crashed and is being restarted
    FAILED = "failed"  # given up; `end` and `reason` say why
    STOPPING = "stopping"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a viewer can be reached: a unix socket on this machine.

    `prefix`: the path that it expects to be served under, without a slash at the end; None for the job's public one.
    """

    socket: str
    prefix: str | None = None


class SeenSource(msgspec.Struct, frozen=True, kw_only=True):
    """One of a viewer's log sources. `reason`: why it can't be read, or what is to be told of it."""

    name: str
    progress: SourceProgress
    reason: Reason | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one viewer."""

    phase: Phase
    attempt: int | None = None
    revision: int | None = None  # of the job, as the host was last told of it; None where nobody knows
    ready_at: datetime | None = None  # when this viewer first became READY, by the host's clock
    endpoint: Endpoint | None = None
    end: End | None = None  # with FAILED
    reason: Reason | None = None  # with WAITING, RECOVERING, FAILED; a note with READY
    alive_until: datetime | None = None  # with ABSENT or UNKNOWN: when it was last known to run
    vanished: bool = False  # with ABSENT: whoever looks saw it run before, so it ended by itself
    source: SourceProgress | None = None  # of all sources together
    sources: tuple[SeenSource, ...] = ()
    starts: int = 0  # how often the viewer's processes were started in this attempt


ABSENT = Seen(phase=Phase.ABSENT)
