"""Signing in at an OpenID provider: over to it, and back."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.console.desk import RETURNS, Desk, see_other
from belvedere.console.sessions import delete_cookie
from belvedere.contract.errors import BelvedereError
from belvedere.identity.oidc import ATTEMPT_LIFE, OidcRules
from belvedere.service.oidc import Arrival, Departure

START = "/sign-in/oidc"
CALLBACK = f"{START}/callback"


class Oidc(Protocol):
    """What the console needs of `service.oidc.OidcService`."""

    rules: OidcRules

    async def depart(self, target: str) -> Departure: ...

    async def arrive(self, answer: Mapping[str, str], sealed: str) -> Arrival: ...


def oidc_routes(oidc: Oidc, desk: Desk) -> list[Route]:
    """The routes, where a provider is configured."""
    pages = _OidcPages(oidc, desk)
    return [Route(START, pages.depart, methods=["GET"]), Route(CALLBACK, pages.arrive, methods=["GET"])]


class _OidcPages:
    def __init__(self, oidc: Oidc, desk: Desk) -> None:
        self._oidc = oidc
        self._desk = desk

    async def depart(self, request: Request) -> Response:
        """Over to the provider. What it has to be asked again afterwards stays in this browser, sealed."""
        wanted = request.query_params.get("next", "/")
        target = wanted if RETURNS.fullmatch(wanted) else "/"
        try:
            departure = await self._oidc.depart(target)
        except BelvedereError as error:
            return self._refused(target, error)
        response = see_other(departure.url)
        response.headers["Set-Cookie"] = self._desk.rules.attempt_cookie.setting(departure.sealed, life=ATTEMPT_LIFE)
        return response

    async def arrive(self, request: Request) -> Response:
        """Back from the provider, with a code or a refusal. Whatever comes of it, the attempt is over."""
        cookie = self._desk.rules.attempt_cookie
        try:
            arrival = await self._oidc.arrive(_single(request), request.cookies.get(cookie.name, ""))
        except BelvedereError as error:
            response = self._refused("/", error)
        else:
            target = arrival.target if RETURNS.fullmatch(arrival.target) else "/"
            life = self._oidc.rules.session_life
            response = await self._desk.welcome(request, arrival.session, target, life)
        response.headers.append("Set-Cookie", delete_cookie(cookie.name))
        return response

    def _refused(self, target: str, error: BelvedereError) -> Response:
        return self._desk.ask(target, status=error.http_status, error=error.message)


def _single(request: Request) -> dict[str, str]:
    """The parameters that are there once: of two it would be left to chance which counts."""
    pairs = request.query_params.multi_items()
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}
