"""The ways in: by a token in X-Auth-Token, or by a signature in Authorization; never by both."""

from functools import partial

from starlette.requests import Request

from belvedere.api.bodies import read_body
from belvedere.contract import validation
from belvedere.contract.errors import AuthenticationError, InvalidToken, ProjectMismatch
from belvedere.identity.gatekeeper import Gatekeeper, require_project
from belvedere.identity.keys import KeyRing
from belvedere.identity.records import NO_PROJECT, Caller
from belvedere.identity.signatures import SignedRequest, is_signed
from belvedere.lifecycle.clock import Clock


class Doors:
    """Says who sent a request. Nothing of it but its headers counts before, and a body is not even read."""

    def __init__(self, gatekeeper: Gatekeeper, keys: KeyRing, clock: Clock) -> None:
        self._gatekeeper = gatekeeper
        self._keys = keys
        self._clock = clock

    async def caller(self, request: Request) -> Caller:
        """Who sent it, for whichever project they have signed in to. Raises AuthenticationError and its kin."""
        authorization, token = _the_one(request, "authorization"), _the_one(request, "x-auth-token")
        if authorization is not None and is_signed(authorization):
            return await self._by_signature(request, authorization, token, NO_PROJECT)
        return await self._by_token(authorization, token)

    async def caller_in(self, request: Request, project_id: str) -> Caller:
        """Who sent it, let into the project. Raises InvalidProject, ProjectMismatch and UnscopedToken too."""
        authorization, token = _the_one(request, "authorization"), _the_one(request, "x-auth-token")
        if authorization is not None and is_signed(authorization):
            who = await self._by_signature(request, authorization, token, project_id)
        else:
            who = await self._by_token(authorization, token)
        require_project(who, validation.project_id(project_id))
        named = _the_one(request, "x-project-id")
        if named is not None and named != project_id:
            raise ProjectMismatch("The project id in the request URL does not match the X-Project-Id header.")
        return who

    async def _by_token(self, authorization: str | None, token: str | None) -> Caller:
        if token is None and authorization is not None:
            raise AuthenticationError(
                "Incorrect authorization request header format: send X-Auth-Token, or a signature by SDK-HMAC-SHA256.",
                code="ModelArts.0206",
            )
        return await self._gatekeeper.principal_of_token(token, self._clock())

    async def _by_signature(self, request: Request, authorization: str, token: str | None, project_id: str) -> Caller:
        if token is not None:
            raise InvalidToken("The request holds both a token and a signature. Send one of them.")
        scope = request.scope
        signed = SignedRequest(
            method=request.method, path=scope["raw_path"], query=scope["query_string"], headers=scope["headers"]
        )
        who = await self._keys.caller_of(
            authorization,
            signed,
            partial(read_body, request),
            project_id=project_id,
            now=self._clock(),
            connection=scope.get("client"),
        )
        if who is None:
            validation.project_id(project_id)  # one that can't be any is told so
            raise ProjectMismatch("The project id in the request URL is not one that the access key may use.")
        return who


def credentials_in(request: Request) -> str:
    """What a request shows of who sent it, whether it is good or not: "token", "key", or "" for nothing."""
    if "x-auth-token" in request.headers:
        return "token"
    return "key" if is_signed(request.headers.get("authorization", "")) else ""


def address_of(request: Request) -> str:
    """Where it came from, as the edge knows it."""
    return request.client.host if request.client else ""


def _the_one(request: Request, name: str) -> str | None:
    """The header. Two of them would leave it to chance which counts."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise InvalidToken(f"The request holds several {name.title()} headers. Send one.")
    return values[0] if values else None
