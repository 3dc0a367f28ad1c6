"""The outermost layer of API and console: where a request comes from, by which name we were called, and over what."""

import ipaddress
import re
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from belvedere.console.jar import emptying, is_too_full, same_place
from belvedere.identity.addresses import Proxies

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
# What programs ask for with a token of their own, by whatever name they know us; browsers send no cookie's right there.
_FOR_PROGRAMS: Final = re.compile(r"/(?:v1|v3|healthz|readyz|metrics|openapi\.json)(?:/|$)")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
# What every answer says that does not say more itself: it is no page, and stands in none.
SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_NOT_OUR_NAME: Final = (
    "This service does not go by the name in the Host header. Use its public URL, "
    "or set public_url or allowed_hosts in its settings.\n"
)
_JAR: Final = (
    "There are so many cookies of this site, or so large ones, that nothing else fits. They are taken away. Try again."
)


class EdgeRules(msgspec.Struct, frozen=True, kw_only=True):
    """`names`: host names under which pages are shown, beside loopback's and plain addresses."""

    names: frozenset[str]
    is_secure: bool  # whether browsers come by https
    proxies: Proxies


class Edge:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, rules: EdgeRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, answer = Headers(scope=scope), self._secured(send)
        scope["client"] = self._client(scope, headers)
        if not (_FOR_PROGRAMS.match(scope["path"]) or is_our_name(headers.getlist("host"), self._rules.names)):
            await PlainTextResponse(_NOT_OUR_NAME, 421)(scope, receive, answer)
            return
        if is_too_full(headers.getlist("cookie")):
            await self._emptying(scope, headers)(scope, receive, answer)
            return
        await self._app(scope, receive, answer)

    def _emptying(self, scope: Scope, headers: Headers) -> Response:
        """To a browser that brings more cookies than anybody has use for: without them, a person at once once more."""
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        is_person = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        place = same_place(quote(path) + (f"?{query}" if query else ""))
        response = RedirectResponse(place, 303) if is_person else PlainTextResponse(_JAR, 431)
        name = _name_in(headers.get("host", ""))
        for header, line in emptying(headers.getlist("cookie"), name, path, secure=self._rules.is_secure):
            response.headers.append(header, line)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _client(self, scope: Scope, headers: Headers) -> tuple[str, int] | None:
        if not scope.get("client"):
            return None
        host, port = scope["client"]
        if not self._rules.proxies.networks:
            return host, port
        return self._rules.proxies.client(host, headers.getlist(self._rules.proxies.header.value)), port

    def _secured(self, send: Send) -> Send:
        wanted = (*SAFE, _HSTS) if self._rules.is_secure else SAFE

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = list(message["headers"])
                names = {name for name, _ in there}
                message["headers"] = [*there, *(header for header in wanted if header[0] not in names)]
            await send(message)

        return secured


def is_our_name(hosts: list[str], names: frozenset[str]) -> bool:
    """Whether the one Host header names us. Another site's name that was rebound to our address does not.

    An address can't be rebound, so a plain one is fine.
    """
    if len(hosts) != 1:
        return False
    name = _name_in(hosts[0]).rstrip(".")
    return name in names or f"[{name}]" in LOOPBACK_NAMES or name in LOOPBACK_NAMES or _is_address(name)


def _name_in(host: str) -> str:
    """A Host header's name, without its port; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
