"""The audit on the wire: who did what to which thing, from where. An extension; names are CTS' where CTS has one."""

from enum import StrEnum
from typing import Final, Literal

import msgspec

from belvedere.contract.decoding import shown
from belvedere.contract.errors import RequestError
from belvedere.contract.listing import LATEST_MS, Pairs, Query

PAGE_SIZE: Final = 1000
PAGE_SIZE_DEFAULT: Final = 100
LATEST_ID: Final = 10**17


class TraceName(StrEnum):
    """What was done. Those of jobs are CTS' to the letter, the misspelt one too (ModelArts, "Key Operations")."""

    CREATE_JOB = "createModelArtsTensorboardJob"
    DELETE_JOB = "deleteModelArtsTensorboardJob"
    UPDATE_JOB = "updateModelArtsTensorboardDesc"
    STOP_JOB = "stopModelArtsTensorboardJob"
    RESTART_JOB = "restartModelArtsgTensorboardJob"
    SET_SOURCES = "updateModelArtsTensorboardSources"
    OPEN_JOB = "openModelArtsTensorboardJob"

    CREATE_SHARE = "createShareLink"
    REVOKE_SHARE = "revokeShareLink"
    USE_SHARE = "useShareLink"

    CREATE_STORE = "createLogStore"
    UPDATE_STORE = "updateLogStore"
    DELETE_STORE = "deleteLogStore"

    LOGIN = "login"
    LOGOUT = "logout"
    TURN_AWAY = "turnAway"
    CREATE_USER = "createUser"
    UPDATE_USER = "updateUser"
    UPDATE_PASSWORD = "updatePassword"  # noqa: S105 - a name
    CREATE_PROJECT = "createProject"
    UPDATE_PROJECT = "updateProject"
    UPDATE_QUOTAS = "updateQuotas"
    GRANT_ROLE = "grantRole"
    REVOKE_ROLE = "revokeRole"
    CREATE_KEY = "createAccessKey"
    DELETE_KEY = "deleteAccessKey"
    CREATE_TEMPORARY_KEY = "createTemporaryAccessKey"

    PRUNE_AUDIT = "pruneAudit"


class ResourceType(StrEnum):
    """What it was done to."""

    JOB = "ModelArtsTensorboardJob"
    STORE = "LogStore"
    USER = "User"
    PROJECT = "Project"
    KEY = "AccessKey"
    AUDIT = "Audit"


_OTHERS: Final = {
    **dict.fromkeys((TraceName.CREATE_STORE, TraceName.UPDATE_STORE, TraceName.DELETE_STORE), ResourceType.STORE),
    **dict.fromkeys(
        (TraceName.CREATE_PROJECT, TraceName.UPDATE_PROJECT, TraceName.UPDATE_QUOTAS), ResourceType.PROJECT
    ),
    **dict.fromkeys((TraceName.CREATE_KEY, TraceName.DELETE_KEY, TraceName.CREATE_TEMPORARY_KEY), ResourceType.KEY),
    TraceName.PRUNE_AUDIT: ResourceType.AUDIT,
}


def resource_type(name: TraceName) -> ResourceType:
    """What is done to when that is done."""
    if "Tensorboard" in name or "ShareLink" in name:
        return ResourceType.JOB
    return _OTHERS.get(name, ResourceType.USER)


Rating = Literal["normal", "warning", "incident"]  # done; refused; failed through a fault of ours
RATINGS: Final[tuple[Rating, ...]] = ("normal", "warning", "incident")


class AuditTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One trace. `time` is in epoch milliseconds. Empty texts: there is none, or it is not known.

    `user`: who did it, "" for whoever came by a share link, or tried a name that nobody has. `code`: of the error that
    they were answered with.
    """

    trace_id: int
    time: int
    trace_name: str
    trace_rating: Rating
    resource_type: str
    resource_id: str = ""
    resource_name: str = ""
    project_id: str = ""
    user: str = ""
    signed_by: str = ""
    source_ip: str = ""
    request_id: str = ""
    code: str = ""
    message: str = ""


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/{project_id}/audit. `next_marker`: null on the last page."""

    is_success: bool = True
    traces: list[AuditTrace]
    next_marker: str | None = None


class ValidAudit(msgspec.Struct, frozen=True, kw_only=True):
    """A request for traces that breaks no rule. Times in epoch milliseconds; None and "" mean all."""

    all_projects: bool = False
    user: str | None = None
    trace_name: TraceName | None = None
    trace_rating: Rating | None = None
    resource_type: ResourceType | None = None
    resource_id: str | None = None
    source_ip: str | None = None
    request_id: str | None = None
    time_from: int | None = None
    time_before: int | None = None
    oldest_first: bool = False
    limit: int = PAGE_SIZE_DEFAULT
    marker: int | None = None


def audit_request(pairs: Pairs) -> ValidAudit:
    """The request in a decoded query string. Unknown parameters are ignored. Raises RequestError."""
    query = Query(pairs)
    job_id = query.one("job_id")
    name = _choice("trace_name", query.one("trace_name"), tuple(TraceName))
    kind = _choice("resource_type", ResourceType.JOB if job_id else query.one("resource_type"), tuple(ResourceType))
    rating = _choice("trace_rating", query.one("trace_rating"), RATINGS)
    return ValidAudit(
        all_projects=_choice("all_projects", query.one("all_projects"), ("true", "false")) == "true",
        user=query.one("user"),
        trace_name=TraceName(name) if name else None,
        trace_rating=next((each for each in RATINGS if each == rating), None),
        resource_type=ResourceType(kind) if kind else None,
        resource_id=job_id or query.one("resource_id"),
        source_ip=query.one("source_ip"),
        request_id=query.one("request_id"),
        time_from=query.number("time_from", 0, LATEST_MS),
        time_before=query.number("time_before", 0, LATEST_MS),
        oldest_first=_choice("order", query.one("order"), ("asc", "desc")) == "asc",
        limit=query.number("limit", 1, PAGE_SIZE) or PAGE_SIZE_DEFAULT,
        marker=query.number("marker", 1, LATEST_ID),
    )


def _choice(name: str, text: str | None, choices: tuple[str, ...]) -> str | None:
    if text is not None and text not in choices:
        raise RequestError(f"{name}: expected one of {', '.join(choices)}; got {shown(text)}.")
    return text
