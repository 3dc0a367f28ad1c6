"""The use cases of the seven operations and of our extensions to them.

Whoever asks is a `Caller` that has been let into its project; each use case asks it for its permission. A private job
of somebody else, a job of another project and one that never was are all NotFound alike.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from weakref import WeakValueDictionary

from msgspec import UNSET
from msgspec.structs import replace

from belvedere.contract.audit import TraceName
from belvedere.contract.errors import Conflict, NotFound, PreconditionFailed, RequestError
from belvedere.contract.jobs import (
    FlavorList,
    JobCreated,
    JobDetails,
    JobEvents,
    JobList,
    JobLogs,
    JobSources,
    Ticket,
    ViewerKindList,
)
from belvedere.contract.listing import ValidList
from belvedere.contract.log_sources import LogFolderList, ValidBrowse
from belvedere.contract.reasons import Reason
from belvedere.contract.source_rules import ValidSource
from belvedere.contract.validation import Offer, ValidCreate, ValidUpdate
from belvedere.identity.acts import ACT
from belvedere.identity.gatekeeper import TICKET_LIFE
from belvedere.identity.passes import Gone, Passes
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Basis, Caller, Principal
from belvedere.lifecycle.jobs import Event, Job, Visibility, sources_of
from belvedere.lifecycle.status import Verb
from belvedere.lifecycle.verbs import apply_verb
from belvedere.runtimes.board import Board
from belvedere.service import requests, views
from belvedere.service.audit import Auditor
from belvedere.service.rules import CheckedSource, Hint, LogPlaces, ReadLogs, ServiceRules
from belvedere.service.source_checks import check_sources
from belvedere.store.base import JobStore, KeyReused

_CHANGE_ATTEMPTS = 10  # a job is written by its reconciler at most about once a second, by other replicas hardly more
_EVENTS = 200

_PERMISSION = {
    Verb.STOP: Permission.STOP,
    Verb.RESTART: Permission.RESTART,
    Verb.DELETE: Permission.DELETE,
    Verb.UPDATE: Permission.UPDATE,
    Verb.OPEN: Permission.GET,
}
_ACT = {
    Verb.STOP: TraceName.STOP_JOB,
    Verb.RESTART: TraceName.RESTART_JOB,
    Verb.DELETE: TraceName.DELETE_JOB,
}
# What is told of a user's request in the job's history: kind and text.
_TOLD = {
    Verb.STOP: ("stop-requested", "A user asked for a stop."),
    Verb.RESTART: ("restarted", "A user restarted it."),
    Verb.DELETE: ("delete-requested", "A user asked for its deletion."),
    Verb.UPDATE: ("updated", "A user changed it."),
}
Tell = Callable[[Job, Job], tuple[str, str]]  # kind and text of a change, for the job's history
Revisions = Collection[int] | None  # of If-Match: the job must have one of them; None: any will do


class JobService:
    """Validated requests in, answers of the contract out. Errors are those of `contract.errors`."""

    def __init__(
        self,
        *,
        store: JobStore,
        board: Board,
        passes: Passes,
        rules: ServiceRules,
        places: LogPlaces,
        hint: Hint,
        read_logs: ReadLogs,
        audit: Auditor,
    ) -> None:
        self._store = store
        self._board = board
        self._passes = passes
        self._clock = audit.clock
        self._rules = rules
        self._places = places
        self._hint = hint
        self._read_logs = read_logs
        self._audit = audit
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()  # by job, while somebody changes it

    @property
    def offer(self) -> Offer:
        """What a create request may choose from."""
        return self._rules.offer

    @property
    def viewer_types(self) -> ViewerKindList:
        """The viewer types, installed or not."""
        return ViewerKindList(viewer_types=list(self._rules.viewers()))

    @property
    def flavors(self) -> FlavorList:
        """The flavors on offer."""
        return FlavorList(flavors=list(self._rules.flavors))

    async def create(self, who: Caller, request: ValidCreate, key: str | None = None) -> JobCreated:
        """A new job, durable when this returns; or the one that the same key and body made before.

        The log source is asked first, so that a refusal leaves nothing behind. Raises the source check's errors,
        QuotaExceeded, and Conflict for a key that was used for another request.
        """
        async with self._audit.act(who, TraceName.CREATE_JOB, resource_name=request.job_name) as act:
            who.require(Permission.CREATE)
            idempotency = requests.idempotency_key(who, request, key)
            checked = await self._check(who, request)
            now = self._clock()
            stores = [each.store for each in checked]
            try:
                job, is_new = await self._store.create(
                    requests.new_job(who, request, stores), now=now, key=idempotency, quota=self._rules.quota
                )
            except KeyReused as error:
                raise Conflict(
                    "Idempotency-Key: this key was used for another request. Send each new request with a new key."
                ) from error
            act.about(resource_id=str(job.id))  # of the earlier one, if the request came before
            if is_new:
                self._tell(job)
            return views.created(job, self._rules.origins, _first_reason(checked))

    async def browse(self, who: Caller, request: ValidBrowse) -> LogFolderList:
        """The folders below a place that logs may come from."""
        who.require(Permission.BROWSE)
        return await self._places.browse(who.project_id, request)

    async def list(self, who: Caller, request: ValidList) -> JobList:
        """A page of the project's jobs."""
        who.require(Permission.LIST)
        try:
            page = await self._store.query(requests.job_query(who, request))
        except ValueError as error:
            raise RequestError(
                "marker: this is none of ours. Take next_marker of the previous page, with the same filters and order."
            ) from error
        now = self._clock()
        quota, present = await self._store.room(who.project_id, self._rules.quota)
        return JobList(
            job_total_count=page.total,
            job_count_limit=max(quota - present, 0),
            quotas=quota,
            jobs=[self._details(who, job, now) for job in page.jobs],
            next_marker=page.next_marker,
        )

    async def details(self, who: Caller, job_id: int | None) -> tuple[JobDetails, int]:
        """The job and its revision."""
        who.require(Permission.GET)
        job = await self.find(who, job_id)
        return self._details(who, job, self._clock()), job.revision

    async def update(self, who: Caller, job_id: int | None, update: ValidUpdate, revisions: Revisions = None) -> int:
        """Change what the request names; the job's revision afterwards."""
        async with self._audit.act(who, TraceName.UPDATE_JOB, job_id):
            who.require(Permission.UPDATE)

            def change(job: Job, now: datetime) -> Job:
                _require_revision(job, revisions)
                return requests.updated(job, who, update, now)

            return (await self._change(who, job_id, Verb.UPDATE, change)).revision

    async def sources(self, who: Caller, job_id: int | None) -> tuple[JobSources, int]:
        """Where the job's logs come from, and its revision."""
        who.require(Permission.GET)
        job = await self.find(who, job_id)
        return self._sources(job), job.revision

    async def set_sources(
        self, who: Caller, job_id: int | None, wanted: Sequence[ValidSource], revisions: Revisions = None
    ) -> tuple[JobSources, int]:
        """Show these from now on, without a restart. Those that the job doesn't have yet are asked first.

        Raises the source check's errors. A change that has been made already is made again without a word, whatever
        `revisions` says: that is how a client repeats a request whose answer it never got (RFC 9110, 13.1.1).
        """
        async with self._audit.act(who, TraceName.SET_SOURCES, job_id):
            who.require(Permission.UPDATE)
            known = sources_of(await self.find(who, job_id))
            checked = await check_sources(self._places, who.project_id, wanted, known)
            settled = requests.settled_sources(wanted, [each.store for each in checked], known)

            def change(job: Job, now: datetime) -> Job:
                changed = requests.with_sources(job, settled, now)
                if changed != job:
                    _require_revision(job, revisions)
                return changed

            job = await self._change(who, job_id, Verb.UPDATE, change, tell=_of_sources)
            return replace(self._sources(job), reason=_first_reason(checked)), job.revision

    async def act(self, who: Caller, job_id: int | None, verb: Verb, revisions: Revisions = None) -> int:
        """`stop`, `restart` or `delete` the job; its revision afterwards. Raises IllegalState."""
        async with self._audit.act(who, _ACT[verb], job_id):
            who.require(_PERMISSION[verb])

            def change(job: Job, now: datetime) -> Job:
                _require_revision(job, revisions)
                return apply_verb(verb, job, now)

            return (await self._change(who, job_id, verb, change)).revision

    async def events(self, who: Caller, job_id: int | None) -> JobEvents:
        """What happened to the job."""
        who.require(Permission.GET)
        job = await self.find(who, job_id)
        return JobEvents(events=views.events(await self._store.events(job.id, _EVENTS)))

    async def logs(self, who: Caller, job_id: int | None, tail: int) -> JobLogs:
        """The viewer's last lines, at most `tail`."""
        who.require(Permission.GET)
        job = await self.find(who, job_id)
        return JobLogs(lines=list(await self._read_logs(job.id, tail)))

    async def ticket(self, who: Caller, job_id: int | None, *, basis: Basis | None = None, rest: str = "/") -> Ticket:
        """A link that opens the job's viewer in a browser, once; what it opens is good as long as `basis` is.

        `rest`: the place within the viewer; "/" if it is none that a viewer can have.
        """
        async with self._audit.act(who, TraceName.OPEN_JOB, job_id):
            who.require(Permission.GET)
            job = await self.find(who, job_id)
            try:
                secret = await self._passes.ticket(who, job.id, self._clock(), basis)
            except Gone as error:  # it was deleted just now
                raise _absent() from error
            url = views.with_ticket(f"{self._rules.origins.of(job.id)}{views.viewer_path(job)}", rest, secret)
            return Ticket(url=url, expires_in=int(TICKET_LIFE.total_seconds()))

    async def find(self, who: Caller, job_id: int | None) -> Job:
        """The job, if they may see it. Raises NotFound."""
        job = None if job_id is None else await self._store.get(who.project_id, job_id)
        if job is None or not _may_see(who, job):
            raise _absent()
        if act := ACT.get():
            act.about(resource_name=job.name)
        return job

    async def elsewhere(self, who: Caller, job_id: int | None) -> str | None:
        """The project, another than the one that they have signed in to, where they may see this job."""
        job = None if job_id is None else await self._store.find(job_id)
        if job is None or job.project_id == who.project_id:
            return None
        principal = Principal(user=who.user, project_id=job.project_id)
        there = await self._passes.gatekeeper.caller_of(principal, who.signed_by)
        if there is None or not there.may(Permission.GET) or not _may_see(there, job):
            return None
        return job.project_id

    async def _change(
        self,
        who: Caller,
        job_id: int | None,
        verb: Verb,
        change: Callable[[Job, datetime], Job],
        *,
        tell: Tell | None = None,
    ) -> Job:
        """Change the job when those who came before have; the job afterwards."""
        turn = self._turns.setdefault(job_id or 0, asyncio.Lock())
        async with turn:
            return await self._change_now(who, job_id, verb, change, tell)

    async def _change_now(
        self,
        who: Caller,
        job_id: int | None,
        verb: Verb,
        change: Callable[[Job, datetime], Job],
        tell: Tell | None,
    ) -> Job:
        """Read, change and write guarded; again if the reconciler or another replica wrote in between."""
        for _ in range(_CHANGE_ATTEMPTS):
            job, now = await self.find(who, job_id), self._clock()
            changed = change(job, now)
            if changed == job:
                return job
            kind, text = tell(job, changed) if tell else _TOLD[verb]
            event = Event(at=now, kind=kind, text=text, attempt=changed.attempt)
            stored = await self._store.replace(changed, events=[event], look_at=now)
            if stored is not None:
                self._tell(stored)
                return stored
        raise Conflict("The job is being changed by others at this moment. Read it and try again.", retry_after=1)

    def _tell(self, job: Job) -> None:
        self._board.put(job)
        self._hint(job.id)

    async def _check(self, who: Caller, request: ValidCreate) -> Sequence[CheckedSource]:
        if request.sources is not UNSET:
            return await check_sources(self._places, who.project_id, request.sources)
        place = self._places.check(who.project_id, request.train_url, request.store, is_pattern=False)
        return [await place]

    def _sources(self, job: Job) -> JobSources:
        return JobSources(sources=views.sources(job, self._board.get(job.id)))

    def _details(self, who: Caller, job: Job, now: datetime) -> JobDetails:
        """As the caller sees it: `allowed` are the verbs that its status allows, and that they may use."""
        shown = views.details(job, self._board.get(job.id), now, self._rules.origins)
        return replace(shown, allowed=[word for word in shown.allowed if who.may(_PERMISSION[Verb(word)])])


def _absent() -> NotFound:
    return NotFound("The job does not exist in this project. List the jobs to see which do.")


def _may_see(who: Caller, job: Job) -> bool:
    return job.visibility is not Visibility.PRIVATE or job.owner == who.user


def _of_sources(before: Job, after: Job) -> tuple[str, str]:
    return "sources-changed", requests.told_of_sources(before, after)


def _first_reason(checked: Iterable[CheckedSource]) -> Reason | None:
    return next((each.reason for each in checked if each.reason), None)


def _require_revision(job: Job, revisions: Revisions) -> None:
    if revisions is not None and job.revision not in revisions:
        raise PreconditionFailed(
            f'If-Match: the job is at revision "{job.revision}" by now. Read it again, and decide anew.'
        )
