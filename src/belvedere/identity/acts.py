"""Acts: what somebody does that the audit tells of, and the trace that it leaves.

Whoever carries an act out says so once (`service.audit.Auditor.act`), and the database writes the trace in the
transaction that makes the act's change: a change that was acknowledged never lacks its trace. An act that changes
nothing, or is refused, leaves its trace when it ends.
"""

import unicodedata
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from belvedere.contract.audit import Rating, ResourceType, TraceName

_LONGEST: Final = 256  # characters of a text in a trace


class Whence(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request came from, and its id."""

    address: str = ""
    request_id: str = ""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit keeps of an act. `id` is 0 until it is kept; then it grows from trace to trace."""

    id: int = 0
    at: datetime
    name: TraceName
    rating: Rating = "normal"
    resource_type: ResourceType
    resource_id: str = ""
    resource_name: str = ""
    project_id: str = ""
    user: str = ""
    signed_by: str = ""
    address: str = ""
    request_id: str = ""
    code: str = ""
    message: str = ""


class Act:
    """An act that is going on. `is_told`: its trace is durable, and those of what is done along with it."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.along: list[Trace] = []
        self.is_told = False

    def about(self, **facts: str) -> None:
        """What is known of it only now: fields of its trace."""
        self.trace = replace(self.trace, **{name: one_line(text) for name, text in facts.items()})

    def refuse(self, code: str, message: str) -> None:
        """It comes to nothing, and that is no error here."""
        self.trace = replace(self.trace, rating="warning", code=code, message=one_line(message))


class TraceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces. None means all; `marker` is the id of the last one that was seen."""

    project_id: str | None
    user: str | None = None
    name: TraceName | None = None
    rating: Rating | None = None
    resource_type: ResourceType | None = None
    resource_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    oldest_first: bool = False
    marker: int | None = None
    limit: int


class AuditStore(Protocol):
    """Where traces are kept. None is ever changed, and none goes before its time."""

    async def add_trace(self, trace: Trace) -> None: ...

    async def traces(self, query: TraceQuery) -> Sequence[Trace]:
        """The newest first, unless wanted otherwise."""
        ...

    async def prune(self, before: datetime, now: datetime) -> int:
        """Forget those from before that moment, and leave a trace of it; how many there were."""
        ...

    async def file_mark(self) -> int:
        """The id of the last trace that was written to the audit's file."""
        ...

    async def set_file_mark(self, trace_id: int) -> None: ...


WHENCE: Final[ContextVar[Whence | None]] = ContextVar("whence", default=None)
ACT: Final[ContextVar[Act | None]] = ContextVar("act", default=None)


def one_line(text: str) -> str:
    """The text without anything that could be taken for a line's end, or for a command to a terminal; cut if long."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _UNFIT else c for c in cut)


_UNFIT: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, invisible formatting, surrogates, line separators
