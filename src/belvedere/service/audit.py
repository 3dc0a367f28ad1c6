"""The audit: acts are announced here before they are carried out, and their traces are read here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from msgspec.structs import replace

from belvedere.contract.audit import AuditList, AuditTrace, TraceName, ValidAudit, resource_type
from belvedere.contract.errors import BelvedereError, InternalError, PermissionDenied, Unavailable
from belvedere.identity.acts import ACT, WHENCE, Act, AuditStore, Trace, TraceQuery, Whence, one_line
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Caller
from belvedere.lifecycle.clock import Clock
from belvedere.service.requests import moment_of
from belvedere.service.views import epoch_ms

_log = structlog.get_logger("belvedere.audit")


class Auditor:
    """Sees to it that what somebody does leaves its trace, done or refused."""

    def __init__(self, store: AuditStore, clock: Clock) -> None:
        self._store = store
        self.clock = clock

    @asynccontextmanager
    async def act(
        self, who: Caller | None, name: TraceName, identity: str | int | None = "", **facts: str
    ) -> AsyncIterator[Act]:
        """Whatever is done within belongs to this act. `who`: None if that is not known, or not known yet.

        `identity`: the id of what it is done to; `facts`: further fields of the trace.
        """
        act = Act(self._begun(who, name))
        act.about(resource_id="" if identity is None else str(identity), **facts)
        mark = ACT.set(act)
        try:
            yield act
        except BelvedereError as error:
            await self._refused(act, error)
            raise
        except Exception:
            await self._refused(act, InternalError("Internal error."))
            raise
        finally:
            ACT.reset(mark)
        if not act.is_told:
            for trace in (act.trace, *act.along):
                await self._store.add_trace(trace)

    def along(self, act: Act, name: TraceName, **facts: str) -> None:
        """The act's change is this too, about the same: two traces, and both or none."""
        also = Act(replace(act.trace, name=name, resource_type=resource_type(name)))
        also.about(**facts)
        act.along.append(also.trace)

    def _begun(self, who: Caller | None, name: TraceName) -> Trace:
        whence = WHENCE.get() or Whence()
        return Trace(
            at=self.clock(),
            name=name,
            resource_type=resource_type(name),
            project_id=who.project_id if who else "",
            user=who.user if who else "",
            signed_by=who.signed_by.value if who else "",
            address=one_line(whence.address),
            request_id=whence.request_id,
        )

    async def _refused(self, act: Act, error: BelvedereError) -> None:
        if act.is_told:
            return  # it was carried out; what went wrong came after
        rating = "incident" if isinstance(error, InternalError | Unavailable) else "warning"
        trace = replace(act.trace, rating=rating, code=error.error_code, message=one_line(error.message))
        try:
            await self._store.add_trace(trace)
        except Unavailable:
            _log.exception("refusal-not-traced", trace=trace.name, code=trace.code)

    async def traces(self, who: Caller, request: ValidAudit) -> AuditList:
        """The project's traces, or for an administrator those of all. Raises PermissionDenied."""
        who.require(Permission.READ_AUDIT)
        if request.all_projects and not who.is_administrator:
            raise PermissionDenied("all_projects: only an administrator may see other projects' traces. Leave it out.")
        found = await self._store.traces(_query(who, request))
        page = found[: request.limit]
        return AuditList(
            traces=[shown(trace) for trace in page],
            next_marker=str(page[-1].id) if len(found) > len(page) else None,
        )


def shown(trace: Trace) -> AuditTrace:
    """A trace as the contract shows it."""
    return AuditTrace(
        trace_id=trace.id,
        time=epoch_ms(trace.at),
        trace_name=trace.name,
        trace_rating=trace.rating,
        resource_type=trace.resource_type,
        resource_id=trace.resource_id,
        resource_name=trace.resource_name,
        project_id=trace.project_id,
        user=trace.user,
        signed_by=trace.signed_by,
        source_ip=trace.address,
        request_id=trace.request_id,
        code=trace.code,
        message=trace.message,
    )


def _query(who: Caller, request: ValidAudit) -> TraceQuery:
    return TraceQuery(
        project_id=None if request.all_projects else who.project_id,
        user=request.user,
        name=request.trace_name,
        rating=request.trace_rating,
        resource_type=request.resource_type,
        resource_id=request.resource_id,
        address=request.source_ip,
        request_id=request.request_id,
        since=moment_of(request.time_from),
        before=moment_of(request.time_before),
        oldest_first=request.oldest_first,
        marker=request.marker,
        limit=request.limit + 1,
    )
