"""The audit in memory."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from belvedere.contract.audit import ResourceType, TraceName
from belvedere.identity.acts import Trace, TraceQuery

_FIELDS = ("project_id", "user", "name", "rating", "resource_type", "resource_id", "address", "request_id")


class MemoryAuditStore:
    """Implements `AuditStore`."""

    def __init__(self) -> None:
        self.kept: list[Trace] = []
        self._last = 0
        self._file_mark = 0

    async def add_trace(self, trace: Trace) -> None:
        self._last += 1
        self.kept.append(replace(trace, id=self._last))

    async def traces(self, query: TraceQuery) -> Sequence[Trace]:
        found = [trace for trace in self.kept if _is_wanted(trace, query)]
        return (found if query.oldest_first else found[::-1])[: query.limit]

    async def prune(self, before: datetime, now: datetime) -> int:
        left = [trace for trace in self.kept if trace.at >= before]
        gone, self.kept = len(self.kept) - len(left), left
        if gone:
            told = f"{gone} traces from before {before:%Y-%m-%dT%H:%M:%SZ} were forgotten, as audit_days says."
            name, kind = TraceName.PRUNE_AUDIT, ResourceType.AUDIT
            await self.add_trace(Trace(at=now, name=name, resource_type=kind, message=told))
        return gone

    async def file_mark(self) -> int:
        return self._file_mark

    async def set_file_mark(self, trace_id: int) -> None:
        self._file_mark = trace_id


def _is_wanted(trace: Trace, query: TraceQuery) -> bool:
    wanted = {name: getattr(query, name) for name in _FIELDS}
    return (
        all(value is None or getattr(trace, name) == value for name, value in wanted.items())
        and (query.since is None or trace.at >= query.since)
        and (query.before is None or trace.at < query.before)
        and (query.marker is None or (trace.id > query.marker if query.oldest_first else trace.id < query.marker))
    )
