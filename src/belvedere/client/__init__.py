"""The Python client of the HTTP contract.

Users and the CLI import it. It imports `contract` alone.

    from belvedere.client import Client, Goal

    with Client("http://127.0.0.1:8080", project_id, token) as client:
        created = client.create(CreateJob(job_name="run-1", train_url="/bucket/run-1/"))
        waited = client.wait(created.job_id, until=Goal.RUNNING)
"""

from belvedere.client.audit import AuditQuery
from belvedere.client.client import Client
from belvedere.client.errors import (
    ApiError,
    BadRequest,
    ClientError,
    InvalidConnection,
    NotAuthorized,
    NotFound,
    Refused,
    ServiceUnavailable,
    UnexpectedAnswer,
    Unreachable,
    Untrusted,
)
from belvedere.client.queries import ListQuery, Versioned, VersionedSources
from belvedere.client.waiting import Goal, Outcome, Waited

__all__ = [
    "ApiError",
    "AuditQuery",
    "BadRequest",
    "Client",
    "ClientError",
    "Goal",
    "InvalidConnection",
    "ListQuery",
    "NotAuthorized",
    "NotFound",
    "Outcome",
    "Refused",
    "ServiceUnavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "Untrusted",
    "Versioned",
    "VersionedSources",
    "Waited",
]
