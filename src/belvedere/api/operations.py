"""The operations: one table, from which both the routes and the OpenAPI document come.

A handler parses with the contract's rules and calls the service. Bodies are read only where an operation has one:
clients send a content type without a body on stop, restart and delete.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from belvedere.api.answers import answer
from belvedere.api.bodies import read_body
from belvedere.api.parameters import IDEMPOTENCY_KEY, IF_MATCH, LIST_QUERY, TAIL_QUERY, Parameter
from belvedere.api.preconditions import etag, revisions
from belvedere.contract import errors, jobs, listing, validation
from belvedere.contract.errors import BelvedereError
from belvedere.identity.records import Principal
from belvedere.lifecycle.status import Verb
from belvedere.service.jobs import JobService

JOBS: Final = "/v1/{project_id}/visualization-jobs"
JOB: Final = JOBS + "/{job_id}"
FLAVORS: Final = "/v1/{project_id}/visualization-job-flavors"  # below JOBS it would stand where a job id does


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated request. `job_id` is None where the path has none, or one that no job can have."""

    service: JobService
    who: Principal
    request: Request
    job_id: int | None = None


Handler = Callable[[Call], Awaitable[Response]]
ErrorTypes = tuple[type[BelvedereError], ...]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path. Errors that every operation may answer with are not repeated in `errors`."""

    name: str
    method: str
    path: str
    summary: str
    handler: Handler
    answer: type[msgspec.Struct]
    body: type[msgspec.Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    errors: ErrorTypes = ()
    is_extension: bool = False


async def _create(call: Call) -> Response:
    request = validation.create_request(await read_body(call.request), call.service.offer)
    created = await call.service.create(call.who, request, call.request.headers.get("idempotency-key"))
    structlog.contextvars.bind_contextvars(job_id=created.job_id)
    return answer(created)


async def _list(call: Call) -> Response:
    request = listing.list_request(call.request.query_params.multi_items())
    return answer(await call.service.list(call.who, request))


async def _details(call: Call) -> Response:
    details, revision = await call.service.details(call.who, call.job_id)
    return answer(details, headers={"ETag": etag(revision)})


async def _update(call: Call) -> Response:
    update = validation.update_request(await read_body(call.request))
    revision = await call.service.update(call.who, call.job_id, update, _revisions(call))
    return answer(jobs.Success(), headers={"ETag": etag(revision)})


def _act(verb: Verb) -> Handler:
    async def act(call: Call) -> Response:
        revision = await call.service.act(call.who, call.job_id, verb, _revisions(call))
        return answer(jobs.Success(), headers={"ETag": etag(revision)})

    return act


async def _events(call: Call) -> Response:
    return answer(await call.service.events(call.who, call.job_id))


async def _logs(call: Call) -> Response:
    tail = listing.tail_request(call.request.query_params.multi_items())
    return answer(await call.service.logs(call.who, call.job_id, tail))


async def _ticket(call: Call) -> Response:
    return answer(await call.service.ticket(call.who, call.job_id))


async def _flavors(call: Call) -> Response:
    return answer(call.service.flavors)


def _revisions(call: Call) -> frozenset[int] | None:
    return revisions(call.request.headers.get("if-match"))


_BODY_ERRORS: ErrorTypes = (errors.MalformedBody, errors.BodyTooLarge)
_JOB_ERRORS: ErrorTypes = (errors.NotFound,)
_VERB_ERRORS: ErrorTypes = (*_JOB_ERRORS, errors.IllegalState, errors.Conflict, errors.PreconditionFailed)

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        name="createVisualizationJob",
        method="POST",
        path=JOBS,
        summary="Create a visualization job",
        handler=_create,
        body=jobs.CreateJob,
        answer=jobs.JobCreated,
        parameters=(IDEMPOTENCY_KEY,),
        errors=(
            *_BODY_ERRORS, errors.UnknownWorkspace, errors.UnknownFlavor, errors.InvalidLogUrl,
            errors.LogSourceRefused, errors.LogSourceForbidden, errors.QuotaExceeded, errors.Conflict,
        ),
    ),
    Operation(
        name="listVisualizationJobs",
        method="GET",
        path=JOBS,
        summary="List the project's visualization jobs",
        handler=_list,
        answer=jobs.JobList,
        parameters=LIST_QUERY,
        errors=(errors.UnsupportedSort, errors.UnknownWorkspace),
    ),
    Operation(
        name="showVisualizationJob",
        method="GET",
        path=JOB,
        summary="Show a visualization job",
        handler=_details,
        answer=jobs.JobDetails,
        errors=_JOB_ERRORS,
    ),
    Operation(
        name="updateVisualizationJob",
        method="PUT",
        path=JOB,
        summary="Change a visualization job's description (extension: its schedule, tags, visibility, sleep)",
        handler=_update,
        body=jobs.UpdateJob,
        answer=jobs.Success,
        parameters=(IF_MATCH,),
        errors=(*_BODY_ERRORS, *_VERB_ERRORS),
    ),
    Operation(
        name="deleteVisualizationJob",
        method="DELETE",
        path=JOB,
        summary="Delete a visualization job; it is gone once its viewer is",
        handler=_act(Verb.DELETE),
        answer=jobs.Success,
        parameters=(IF_MATCH,),
        errors=_VERB_ERRORS,
    ),
    Operation(
        name="stopVisualizationJob",
        method="POST",
        path=JOB + "/stop",
        summary="Stop a visualization job",
        handler=_act(Verb.STOP),
        answer=jobs.Success,
        parameters=(IF_MATCH,),
        errors=_VERB_ERRORS,
    ),
    Operation(
        name="restartVisualizationJob",
        method="POST",
        path=JOB + "/restart",
        summary="Run an ended visualization job again, under the same URL",
        handler=_act(Verb.RESTART),
        answer=jobs.Success,
        parameters=(IF_MATCH,),
        errors=_VERB_ERRORS,
    ),
    Operation(
        name="listVisualizationJobEvents",
        method="GET",
        path=JOB + "/events",
        summary="What happened to a visualization job, oldest first",
        handler=_events,
        answer=jobs.JobEvents,
        errors=_JOB_ERRORS,
        is_extension=True,
    ),
    Operation(
        name="showVisualizationJobLogs",
        method="GET",
        path=JOB + "/logs",
        summary="The last lines that a visualization job's viewer wrote",
        handler=_logs,
        answer=jobs.JobLogs,
        parameters=TAIL_QUERY,
        errors=_JOB_ERRORS,
        is_extension=True,
    ),
    Operation(
        name="createVisualizationJobTicket",
        method="POST",
        path=JOB + "/ticket",
        summary="A link that opens a visualization job's viewer in a browser, once",
        handler=_ticket,
        answer=jobs.Ticket,
        errors=_JOB_ERRORS,
        is_extension=True,
    ),
    Operation(
        name="listVisualizationJobFlavors",
        method="GET",
        path=FLAVORS,
        summary="The flavors that a job may ask for, the default one first",
        handler=_flavors,
        answer=jobs.FlavorList,
        is_extension=True,
    ),
)  # fmt: skip
