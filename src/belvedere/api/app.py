"""The API's application: routes from the table, authentication before all else, errors in one shape."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from typing import Final, cast

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api import openapi
from belvedere.api.answers import error_answer
from belvedere.api.doors import Doors, address_of, credentials_in
from belvedere.api.envelope import Envelope, Observer
from belvedere.api.iam_operations import VersionsRoute
from belvedere.api.operation import NOBODY, Call, Door, Operation, Services
from belvedere.api.operations import JOBS, OPERATIONS
from belvedere.api.throttle import Throttle
from belvedere.contract import validation
from belvedere.contract.errors import AuthenticationError, BelvedereError, MethodNotAllowed, NoSuchPath, RequestError
from belvedere.identity.records import Caller
from belvedere.service.strangers import Strangers

OPENAPI_PATH: Final = "/openapi.json"

# method, headers, path and status to a page, or None where JSON is the right answer
PageForError = Callable[[str, Mapping[str, str], str, int], Response | None]


def create_app(
    services: Services,
    doors: Doors,
    *,
    throttle: Throttle,
    strangers: Strangers,
    observe: Observer | None = None,
    routes: Sequence[BaseRoute] = (),
    page_for_error: PageForError | None = None,
) -> Starlette:
    """The ASGI application. `observe` is told of every request; `routes` stand beside the API's own.

    `page_for_error` may answer a person with a page where the router finds nothing.
    """
    api = _Api(services, doors, throttle, strangers)
    by_path = groupby(sorted(OPERATIONS, key=_turn), key=_path)
    return Starlette(
        routes=[
            *(api.route(path, tuple(operations)) for path, operations in by_path),
            VersionsRoute(services.tokens),
            Route(OPENAPI_PATH, _openapi, methods=["GET"]),
            *routes,
        ],
        middleware=[Middleware(Envelope, observe=observe or _ignore, throttle=throttle)],
        exception_handlers={
            BelvedereError: _belvedere_error,
            HTTPException: partial(_http_error, page_for_error or _no_page),
        },
    )


class _Api:
    """Lets a request in, and hands it to its operation."""

    def __init__(self, services: Services, doors: Doors, throttle: Throttle, strangers: Strangers) -> None:
        self._services = services
        self._doors = doors
        self._throttle = throttle
        self._strangers = strangers

    def route(self, path: str, operations: Sequence[Operation]) -> Route:
        """One route for all methods of a path, so that 405 names them all."""
        by_method = {operation.method: operation for operation in operations}
        if "GET" in by_method:
            by_method["HEAD"] = by_method["GET"]

        async def endpoint(request: Request) -> Response:
            return await self._answer(request, by_method)

        return Route(path, endpoint, methods=list(by_method))

    async def _answer(self, request: Request, by_method: Mapping[str, Operation]) -> Response:
        operation = by_method[request.method]
        who = await self._known(request, operation.door)  # nothing is read or told before it is known who asks
        if who is not NOBODY:
            self._throttle.admit_user(who.user)
        text = request.path_params.get("job_id")
        job_id = None if text is None else validation.job_id(text)
        structlog.contextvars.bind_contextvars(project_id=who.project_id, job_id=job_id)
        return await operation.handler(Call(services=self._services, who=who, request=request, job_id=job_id))

    async def _known(self, request: Request, door: Door) -> Caller:
        try:
            return await self._let_in(request, door)
        except AuthenticationError as error:
            if shown := credentials_in(request):
                authorization = request.headers.get("authorization", "")
                await self._strangers.turned_away(shown, address_of(request), error, authorization)
            raise

    async def _let_in(self, request: Request, door: Door) -> Caller:
        match door:
            case Door.PROJECT:
                return await self._doors.caller_in(request, request.path_params["project_id"])
            case Door.ANYBODY_KNOWN:
                return await self._doors.caller(request)
            case Door.OPEN:
                return NOBODY


async def _openapi(request: Request) -> Response:
    """Readable by anyone: it describes the program, not this installation."""
    del request
    return Response(_document(), media_type="application/json")


@cache
def _document() -> bytes:
    return msgspec.json.encode(openapi.document(OPERATIONS))


async def _belvedere_error(request: Request, error: Exception) -> Response:
    refusal = cast("BelvedereError", error)
    return error_answer(refusal, request.scope["request_id"], is_iam=request.url.path.startswith("/v3"))


async def _http_error(page_for_error: PageForError, request: Request, error: Exception) -> Response:
    """What the router itself refuses."""
    refusal = cast("HTTPException", error)
    page = page_for_error(request.method, request.headers, request.url.path, refusal.status_code)
    return page or error_answer(_translated(refusal), request.scope["request_id"], refusal.headers)


def _translated(error: HTTPException) -> BelvedereError:
    match error.status_code:
        case 404:
            return NoSuchPath(f"There is no such path. {OPENAPI_PATH} lists those that there are.")
        case 405:
            allowed = (error.headers or {}).get("Allow", "")
            return MethodNotAllowed(f"This path does not know this method. It knows {allowed}.")
        case _:
            return RequestError(error.detail)


def _turn(operation: Operation) -> tuple[bool, str]:
    """Where it stands among the routes, which are tried one after the other: jobs are what most requests are about."""
    return not operation.path.startswith(JOBS), operation.path


def _path(operation: Operation) -> str:
    return operation.path


def _no_page(method: str, headers: Mapping[str, str], path: str, status: int) -> None:
    """Everybody gets JSON."""


def _ignore(route: str, method: str, status: int, seconds: float) -> None:
    """Observe nothing."""
