"""The client: one method for each operation of the contract."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Self, TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from belvedere.client.audit import AuditQuery, audit_parameters
from belvedere.client.errors import UnexpectedAnswer
from belvedere.client.people import People
from belvedere.client.queries import ListQuery, Versioned, VersionedSources, parameters
from belvedere.client.transfer import RETRY_PAUSES, Transfer
from belvedere.client.waiting import FIRST_PAUSE, Goal, Outcome, Waited, next_pause, outcome_of
from belvedere.contract.audit import AuditList, AuditTrace
from belvedere.contract.jobs import (
    CreateJob,
    Flavor,
    FlavorList,
    JobCreated,
    JobDetails,
    JobEvent,
    JobEvents,
    JobList,
    JobLogs,
    JobSource,
    JobSources,
    SetSources,
    Success,
    Ticket,
    UpdateJob,
    ViewerKind,
    ViewerKindList,
)
from belvedere.contract.log_sources import PAGE_SIZE_DEFAULT, LogFolderList
from belvedere.contract.log_stores import (
    AddLogStore,
    LogStore,
    LogStoreList,
    LogStoreTried,
    TryLogStore,
    UpdateLogStore,
)
from belvedere.contract.shares import CreateShare, ShareCreated, ShareList

_JOBS = "visualization-jobs"
_STORES = "log-stores"
_Answer = TypeVar("_Answer")


class Client:
    """Talks to one project of a service. Every call raises ClientError; none keeps the token where it could show.

    Reads are repeated when the service is away for a moment; so is create, which carries an idempotency key and
    therefore never makes a second job. Not for several threads at once.
    """

    def __init__(
        self,
        endpoint: str,
        project_id: str,
        token: str,
        *,
        timeout: float = 30.0,
        retry_pauses: Sequence[float] = RETRY_PAUSES,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`endpoint` like ``http://127.0.0.1:8080``; `timeout` in seconds, for each step of a request.

        `retry_pauses`: seconds before each repetition of what may be repeated; empty for none.
        """
        self._transfer = Transfer(
            endpoint, project_id, token, timeout=timeout, pauses=retry_pauses, transport=transport, sleep=sleep
        )
        self._sleep = sleep
        self.project_id = project_id

    @property
    def people(self) -> People:
        """Users, projects, roles and keys."""
        return People(self._transfer)

    def __repr__(self) -> str:
        return f"Client({self._transfer!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release connections."""
        self._transfer.close()

    def create(self, job: CreateJob, *, idempotency_key: str | None = None) -> JobCreated:
        """Post a job; it is durable when this returns. Without a key of your own, a fresh one is sent."""
        key = idempotency_key or str(uuid.uuid4())
        body = _without_nulls(job)
        response = self._transfer.send("POST", _JOBS, body=body, headers={"Idempotency-Key": key}, repeatable=True)
        return _decode(response, JobCreated)

    def page(self, query: ListQuery | None = None, marker: str | None = None) -> JobList:
        """One page of jobs; pass its `next_marker` for the next."""
        query = query or ListQuery()
        return self._get(_JOBS, JobList, parameters(query, marker))

    def list(self, query: ListQuery | None = None) -> Iterator[JobDetails]:
        """All jobs that match, fetched page by page as they are asked for."""
        marker: str | None = None
        while True:
            page = self.page(query, marker)
            yield from page.jobs
            marker = page.next_marker
            if marker is None:
                return

    def get(self, job_id: int) -> JobDetails:
        """The job as it is now."""
        return self._get(_path(job_id), JobDetails)

    def get_versioned(self, job_id: int) -> Versioned:
        """The job and its ETag, for an update that must not overwrite somebody else's."""
        response = self._transfer.send("GET", _path(job_id), repeatable=True)
        return Versioned(job=_decode(response, JobDetails), etag=response.headers.get("ETag", ""))

    def update(self, job_id: int, changes: UpdateJob, *, if_match: str | None = None) -> None:
        """Change what `changes` names. With `if_match`, only while the job still has that ETag; else Refused."""
        headers = {"If-Match": if_match} if if_match else {}
        body = msgspec.json.encode(changes)
        _decode(self._transfer.send("PUT", _path(job_id), body=body, headers=headers), Success)

    def sources(self, job_id: int) -> VersionedSources:
        """Where its logs come from, how each source stands, and the job's ETag."""
        response = self._transfer.send("GET", _path(job_id, "sources"), repeatable=True)
        return VersionedSources(sources=_decode(response, JobSources), etag=response.headers.get("ETag", ""))

    def set_sources(self, job_id: int, sources: Sequence[JobSource], *, if_match: str | None = None) -> JobSources:
        """Show these from now on, without a restart. `if_match`: only while it still has that ETag; else Refused."""
        headers = {"If-Match": if_match} if if_match else {}
        body = msgspec.json.encode(SetSources(sources=list(sources)))
        path = _path(job_id, "sources")
        return _decode(self._transfer.send("PUT", path, body=body, headers=headers, repeatable=True), JobSources)

    def stop(self, job_id: int) -> None:
        """Ask for its end; returns at once. Its definition is kept."""
        self._act("POST", _path(job_id, "stop"))

    def restart(self, job_id: int) -> None:
        """Run it again under the same id and URL; returns at once."""
        self._act("POST", _path(job_id, "restart"))

    def delete(self, job_id: int) -> None:
        """End and forget it; returns at once."""
        self._act("DELETE", _path(job_id))

    def events(self, job_id: int) -> tuple[JobEvent, ...]:
        """What happened to it, oldest first."""
        return tuple(self._get(_path(job_id, "events"), JobEvents).events)

    def logs(self, job_id: int, tail: int = 100) -> tuple[str, ...]:
        """Its viewer's last `tail` lines, oldest first."""
        return tuple(self._get(_path(job_id, "logs"), JobLogs, (("tail", str(tail)),)).lines)

    def ticket(self, job_id: int) -> Ticket:
        """A link that opens the viewer in a browser once, without signing in."""
        return _decode(self._transfer.send("POST", _path(job_id, "ticket")), Ticket)

    def share(self, job_id: int, share: CreateShare | None = None) -> ShareCreated:
        """A link by which anybody may look at the job. The link is told this once."""
        body = _without_nulls(share or CreateShare())
        return _decode(self._transfer.send("POST", _path(job_id, "shares"), body=body), ShareCreated)

    def share_list(self, job_id: int) -> ShareList:
        """The job's share links, the newest first, without what opens them."""
        return self._get(_path(job_id, "shares"), ShareList)

    def revoke_share(self, job_id: int, share_id: str) -> None:
        """The link, and whatever was opened by it, is no good any more."""
        self._act("DELETE", _path(job_id, "shares", quote(share_id, safe="")))

    def flavors(self) -> tuple[Flavor, ...]:
        """What a job may ask for, the default first."""
        return tuple(self._get("visualization-job-flavors", FlavorList).flavors)

    def viewer_types(self) -> tuple[ViewerKind, ...]:
        """The viewer types, the default one first, installed or not."""
        return tuple(self._get("viewer-types", ViewerKindList).viewer_types)

    def log_sources(
        self,
        url: str,
        *,
        begins: str = "",
        store: str | None = None,
        page_size: int = PAGE_SIZE_DEFAULT,
        marker: str | None = None,
    ) -> LogFolderList:
        """The folders directly below `url` whose names begin so; pass its `next_marker` for the next page."""
        asked = {"url": url, "begins": begins, "store": store, "page_size": str(page_size), "marker": marker}
        return self._get("log-sources", LogFolderList, [(name, value) for name, value in asked.items() if value])

    def log_stores(self) -> LogStoreList:
        """The object stores that jobs may read from."""
        return self._get(_STORES, LogStoreList)

    def add_log_store(self, store: AddLogStore) -> LogStore:
        """Add one. Its secret key is never given back."""
        return _decode(self._transfer.send("POST", _STORES, body=msgspec.json.encode(store)), LogStore)

    def update_log_store(self, name: str, changes: UpdateLogStore) -> LogStore:
        """Give it new keys or another address."""
        response = self._transfer.send("PUT", _store_path(name), body=msgspec.json.encode(changes))
        return _decode(response, LogStore)

    def remove_log_store(self, name: str) -> None:
        """Forget it. Raises Refused while jobs name it."""
        self._act("DELETE", _store_path(name))

    def try_log_store(self, name: str, bucket: str | None = None) -> LogStoreTried:
        """Whether it answers and accepts the keys, and has the bucket if one is named."""
        body = msgspec.json.encode(TryLogStore(bucket=bucket))
        return _decode(self._transfer.send("POST", f"{_store_path(name)}/test", body=body), LogStoreTried)

    def trace_page(self, query: AuditQuery | None = None, marker: str | None = None) -> AuditList:
        """One page of the audit; pass its `next_marker` for the next."""
        return self._get("audit", AuditList, audit_parameters(query or AuditQuery(), marker))

    def traces(self, query: AuditQuery | None = None, *, after: int | None = None) -> Iterator[AuditTrace]:
        """All traces that match, fetched page by page as they are asked for; those behind the one named by `after`."""
        marker = None if after is None else str(after)
        while True:
            page = self.trace_page(query, marker)
            yield from page.traces
            marker = page.next_marker
            if marker is None:
                return

    def wait(
        self,
        job_id: int,
        *,
        until: Goal = Goal.RUNNING,
        timeout: float | None = None,
        on_progress: Callable[[JobDetails], None] | None = None,
    ) -> Waited:
        """Look at the job until it runs (or has ended), at most `timeout` seconds; None waits as long as it takes.

        `on_progress` gets every look. Interrupting it leaves the job as it is.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE
        while True:
            job = self.get(job_id)
            if on_progress:
                on_progress(job)
            outcome = outcome_of(job.status, until)
            if outcome:
                return Waited(outcome=outcome, job=job)
            if deadline is not None and time.monotonic() >= deadline:
                return Waited(outcome=Outcome.TIMED_OUT, job=job)
            self._sleep(pause)
            pause = next_pause(pause)

    def _get(self, path: str, answer: type[_Answer], pairs: Sequence[tuple[str, str]] = ()) -> _Answer:
        return _decode(self._transfer.send("GET", path, parameters=pairs, repeatable=True), answer)

    def _act(self, method: str, path: str) -> None:
        _decode(self._transfer.send(method, path), Success)


def _path(job_id: int, *rest: str) -> str:
    return "/".join((_JOBS, str(job_id), *rest))


def _store_path(name: str) -> str:
    return f"{_STORES}/{quote(name, safe='')}"


def _without_nulls(wanted: msgspec.Struct) -> bytes:
    """A field that was not given is left out, so that the service's default counts, whatever service it is."""
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    return msgspec.json.encode(given)


def _decode(response: httpx2.Response, answer: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(
            f"{response.url.scheme}://{response.url.netloc.decode()} answers, but not as Belvedere's API does: {error}."
        ) from error
