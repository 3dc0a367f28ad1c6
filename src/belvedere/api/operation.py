"""What an operation is: one method of one path, its handler, and what the OpenAPI document tells of it."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from belvedere.api.parameters import Parameter
from belvedere.contract import errors
from belvedere.contract.errors import BelvedereError
from belvedere.identity.records import Caller, SignedBy
from belvedere.service.access_keys import KeyService
from belvedere.service.audit import Auditor
from belvedere.service.identities import IdentityService
from belvedere.service.jobs import JobService
from belvedere.service.log_stores import LogStoreService
from belvedere.service.people import People
from belvedere.service.quotas import QuotaService
from belvedere.service.shares import ShareService
from belvedere.service.tokens import TokenService


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The use cases behind the operations."""

    jobs: JobService
    log_stores: LogStoreService
    shares: ShareService
    tokens: TokenService
    identities: IdentityService
    keys: KeyService
    audit: Auditor
    quotas: QuotaService


def services_of(
    jobs: JobService,
    log_stores: LogStoreService,
    shares: ShareService,
    people: People,
    audit: Auditor,
    quotas: QuotaService,
) -> Services:
    """All of them."""
    return Services(
        jobs=jobs,
        log_stores=log_stores,
        shares=shares,
        tokens=people.tokens,
        identities=people.identities,
        keys=people.keys,
        audit=audit,
        quotas=quotas,
    )


class Door(Enum):
    """Who is let in to an operation."""

    PROJECT = "who has signed in for the project in the path"
    ANYBODY_KNOWN = "who has signed in, for whichever project or none"
    OPEN = "everybody"


NOBODY: Final = Caller(user="", project_id="", signed_by=SignedBy.NOTHING)  # who came by an open door


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was let in. `job_id` is None where the path has none, or one that no job can have."""

    services: Services
    who: Caller
    request: Request
    job_id: int | None = None


Handler = Callable[[Call], Awaitable[Response]]
ErrorTypes = tuple[type[BelvedereError], ...]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path. Errors that every operation may answer with are not repeated in `errors`.

    `success`: the status of its answer; a 204 has no body.
    """

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
    door: Door = Door.PROJECT
    success: int = 200
    tag: str = ""  # of the document's chapter; "": by `is_extension`


BODY_ERRORS: Final[ErrorTypes] = (errors.MalformedBody, errors.BodyTooLarge)
