"""The operations: one table, from which both the routes and the OpenAPI document come.

A handler parses with the contract's rules and calls the service. Bodies are read only where an operation has one:
clients send a content type without a body on stop, restart and delete.
"""

from typing import Final

import structlog
from starlette.responses import Response

from belvedere.api.answers import answer
from belvedere.api.bodies import read_body
from belvedere.api.iam_operations import IAM_OPERATIONS
from belvedere.api.identity_operations import IDENTITY_OPERATIONS
from belvedere.api.operation import BODY_ERRORS, Call, ErrorTypes, Handler, Operation
from belvedere.api.parameters import AUDIT_QUERY, BROWSE_QUERY, IDEMPOTENCY_KEY, IF_MATCH, LIST_QUERY, TAIL_QUERY
from belvedere.api.preconditions import etag, revisions
from belvedere.contract import (
    audit,
    errors,
    jobs,
    listing,
    log_sources,
    log_stores,
    shares,
    source_rules,
    store_rules,
    validation,
)
from belvedere.identity.gatekeeper import digest_of
from belvedere.identity.records import Basis, SecretKind
from belvedere.lifecycle.status import Verb

JOBS: Final = "/v1/{project_id}/visualization-jobs"
JOB: Final = JOBS + "/{job_id}"
SHARES: Final = JOB + "/shares"
SOURCES: Final = "/v1/{project_id}/log-sources"
STORES: Final = "/v1/{project_id}/log-stores"
STORE: Final = STORES + "/{store_name}"
VIEWER_TYPES: Final = "/v1/{project_id}/viewer-types"
AUDIT: Final = "/v1/{project_id}/audit"
FLAVORS: Final = "/v1/{project_id}/visualization-job-flavors"  # below JOBS it would stand where a job id does


async def _create(call: Call) -> Response:
    request = validation.create_request(await read_body(call.request), call.services.jobs.offer)
    created = await call.services.jobs.create(call.who, request, call.request.headers.get("idempotency-key"))
    structlog.contextvars.bind_contextvars(job_id=created.job_id)
    return answer(created)


async def _list(call: Call) -> Response:
    request = listing.list_request(call.request.query_params.multi_items())
    return answer(await call.services.jobs.list(call.who, request))


async def _details(call: Call) -> Response:
    details, revision = await call.services.jobs.details(call.who, call.job_id)
    return answer(details, headers={"ETag": etag(revision)})


async def _update(call: Call) -> Response:
    update = validation.update_request(await read_body(call.request))
    revision = await call.services.jobs.update(call.who, call.job_id, update, _revisions(call))
    return answer(jobs.Success(), headers={"ETag": etag(revision)})


def _act(verb: Verb) -> Handler:
    async def act(call: Call) -> Response:
        revision = await call.services.jobs.act(call.who, call.job_id, verb, _revisions(call))
        return answer(jobs.Success(), headers={"ETag": etag(revision)})

    return act


async def _events(call: Call) -> Response:
    return answer(await call.services.jobs.events(call.who, call.job_id))


async def _logs(call: Call) -> Response:
    tail = listing.tail_request(call.request.query_params.multi_items())
    return answer(await call.services.jobs.logs(call.who, call.job_id, tail))


async def _ticket(call: Call) -> Response:
    return answer(await call.services.jobs.ticket(call.who, call.job_id, basis=_basis(call)))


def _basis(call: Call) -> Basis | None:
    """What the request was let in by: what it opens ends with that."""
    if call.who.access_key:
        return Basis(kind=SecretKind.KEY, digest=call.who.access_key)
    token = call.request.headers.get("x-auth-token")
    return Basis(kind=SecretKind.TOKEN, digest=digest_of(token)) if token else None


async def _sources(call: Call) -> Response:
    sources, revision = await call.services.jobs.sources(call.who, call.job_id)
    return answer(sources, headers={"ETag": etag(revision)})


async def _set_sources(call: Call) -> Response:
    wanted = source_rules.sources_request(await read_body(call.request))
    sources, revision = await call.services.jobs.set_sources(call.who, call.job_id, wanted, _revisions(call))
    return answer(sources, headers={"ETag": etag(revision)})


async def _list_shares(call: Call) -> Response:
    return answer(await call.services.shares.list(call.who, call.job_id))


async def _create_share(call: Call) -> Response:
    request = shares.create_request(await read_body(call.request))
    return answer(await call.services.shares.create(call.who, call.job_id, request))


async def _revoke_share(call: Call) -> Response:
    share_id = shares.share_id(call.request.path_params["share_id"])
    return answer(await call.services.shares.revoke(call.who, call.job_id, share_id))


async def _flavors(call: Call) -> Response:
    return answer(call.services.jobs.flavors)


async def _viewer_types(call: Call) -> Response:
    return answer(call.services.jobs.viewer_types)


async def _browse(call: Call) -> Response:
    request = log_sources.browse_request(call.request.query_params.multi_items())
    return answer(await call.services.jobs.browse(call.who, request))


async def _list_stores(call: Call) -> Response:
    return answer(await call.services.log_stores.list(call.who))


async def _add_store(call: Call) -> Response:
    return answer(await call.services.log_stores.add(call.who, store_rules.add_request(await read_body(call.request))))


async def _show_store(call: Call) -> Response:
    return answer(await call.services.log_stores.show(call.who, _store_name(call)))


async def _update_store(call: Call) -> Response:
    update = store_rules.update_request(await read_body(call.request))
    return answer(await call.services.log_stores.update(call.who, _store_name(call), update))


async def _remove_store(call: Call) -> Response:
    return answer(await call.services.log_stores.remove(call.who, _store_name(call)))


async def _test_store(call: Call) -> Response:
    bucket = store_rules.trial_request(await read_body(call.request))
    return answer(await call.services.log_stores.test(call.who, _store_name(call), bucket))


async def _audit(call: Call) -> Response:
    request = audit.audit_request(call.request.query_params.multi_items())
    return answer(await call.services.audit.traces(call.who, request))


def _store_name(call: Call) -> str:
    return store_rules.store_name(call.request.path_params["store_name"], "store_name")


def _revisions(call: Call) -> frozenset[int] | None:
    return revisions(call.request.headers.get("if-match"))


_JOB_ERRORS: ErrorTypes = (errors.NotFound,)
_VERB_ERRORS: ErrorTypes = (*_JOB_ERRORS, errors.IllegalState, errors.Conflict, errors.PreconditionFailed)

_JOB_OPERATIONS: Final[tuple[Operation, ...]] = (
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
            *BODY_ERRORS, errors.UnknownWorkspace, errors.UnknownFlavor, errors.InvalidLogUrl,
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
        errors=(*BODY_ERRORS, *_VERB_ERRORS),
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
        name="listVisualizationJobSources",
        method="GET",
        path=JOB + "/sources",
        summary="Where a visualization job's logs come from, and how far each source has been read",
        handler=_sources,
        answer=jobs.JobSources,
        errors=_JOB_ERRORS,
        is_extension=True,
    ),
    Operation(
        name="setVisualizationJobSources",
        method="PUT",
        path=JOB + "/sources",
        summary="Attach log sources to a visualization job and detach others; one that runs goes on",
        handler=_set_sources,
        body=jobs.SetSources,
        answer=jobs.JobSources,
        parameters=(IF_MATCH,),
        errors=(
            *BODY_ERRORS, *_VERB_ERRORS, errors.InvalidLogUrl, errors.LogSourceRefused, errors.LogSourceForbidden,
        ),
        is_extension=True,
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
        name="createVisualizationJobShare",
        method="POST",
        path=SHARES,
        summary="Make a link by which anybody may look at a visualization job, until it expires or is revoked",
        handler=_create_share,
        body=shares.CreateShare,
        answer=shares.ShareCreated,
        errors=(*BODY_ERRORS, *_JOB_ERRORS, errors.Conflict),
        is_extension=True,
    ),
    Operation(
        name="listVisualizationJobShares",
        method="GET",
        path=SHARES,
        summary="A visualization job's share links, without what opens them",
        handler=_list_shares,
        answer=shares.ShareList,
        errors=_JOB_ERRORS,
        is_extension=True,
    ),
    Operation(
        name="revokeVisualizationJobShare",
        method="DELETE",
        path=SHARES + "/{share_id}",
        summary="Revoke a share link, and whatever was opened by it",
        handler=_revoke_share,
        answer=jobs.Success,
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
    Operation(
        name="listViewerTypes",
        method="GET",
        path=VIEWER_TYPES,
        summary="The viewer types, the default one first: which are installed, and how to install the others",
        handler=_viewer_types,
        answer=jobs.ViewerKindList,
        is_extension=True,
    ),
    Operation(
        name="listLogSources",
        method="GET",
        path=SOURCES,
        summary="The folders directly below a place, and which of them hold logs",
        handler=_browse,
        answer=log_sources.LogFolderList,
        parameters=BROWSE_QUERY,
        errors=(errors.InvalidLogUrl, errors.LogSourceRefused, errors.LogSourceForbidden),
        is_extension=True,
    ),
    Operation(
        name="listLogStores",
        method="GET",
        path=STORES,
        summary="The object stores that the project's jobs may read",
        handler=_list_stores,
        answer=log_stores.LogStoreList,
        is_extension=True,
    ),
    Operation(
        name="addLogStore",
        method="POST",
        path=STORES,
        summary="Add an object store for the project, or for all",
        handler=_add_store,
        body=log_stores.AddLogStore,
        answer=log_stores.LogStore,
        errors=(*BODY_ERRORS, errors.Conflict),
        is_extension=True,
    ),
    Operation(
        name="showLogStore",
        method="GET",
        path=STORE,
        summary="Show an object store; never its secret key",
        handler=_show_store,
        answer=log_stores.LogStore,
        errors=(errors.NotFound,),
        is_extension=True,
    ),
    Operation(
        name="updateLogStore",
        method="PUT",
        path=STORE,
        summary="Give an object store new keys, or another address; running jobs go on with them",
        handler=_update_store,
        body=log_stores.UpdateLogStore,
        answer=log_stores.LogStore,
        errors=(*BODY_ERRORS, errors.NotFound, errors.Conflict),
        is_extension=True,
    ),
    Operation(
        name="removeLogStore",
        method="DELETE",
        path=STORE,
        summary="Forget an object store that no job names",
        handler=_remove_store,
        answer=jobs.Success,
        errors=(errors.NotFound, errors.Conflict),
        is_extension=True,
    ),
    Operation(
        name="testLogStore",
        method="POST",
        path=STORE + "/test",
        summary="Ask an object store, or one of its buckets, now",
        handler=_test_store,
        body=log_stores.TryLogStore,
        answer=log_stores.LogStoreTried,
        errors=(*BODY_ERRORS, errors.NotFound),
        is_extension=True,
    ),
    Operation(
        name="listAuditTraces",
        method="GET",
        path=AUDIT,
        summary="Who did what in the project, from where, and what was refused; the newest first",
        handler=_audit,
        answer=audit.AuditList,
        parameters=AUDIT_QUERY,
        is_extension=True,
    ),
)  # fmt: skip
OPERATIONS: Final = (*_JOB_OPERATIONS, *IAM_OPERATIONS, *IDENTITY_OPERATIONS)
