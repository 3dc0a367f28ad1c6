"""Who is asking: by token or by session cookie. Remembered for some seconds: a page's many files cost one look."""

import hashlib
from datetime import datetime, timedelta

import msgspec

from belvedere.gateway.headers import Headers, own_cookie
from belvedere.gateway.rules import GatewayRules
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.records import Caller, SecretKind
from belvedere.lifecycle.clock import Clock

_MOST_REMEMBERED = 4096
_TOKEN, _COOKIE = b"token:", b"cookie:"


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Someone we know. `by_cookie`: a browser vouches, so the request may be another site's doing."""

    principal: Caller
    by_cookie: bool


class Visitors:
    """Answers who sent a request. Only good answers are remembered, by their secrets' digests."""

    def __init__(self, gatekeeper: Gatekeeper, clock: Clock, rules: GatewayRules) -> None:
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._rules = rules
        self._known: dict[bytes, tuple[Visitor, datetime]] = {}

    async def identify(self, headers: Headers) -> Visitor | None:
        """Who sent these headers; None for nobody we know. A token decides alone, even beside a good cookie."""
        tokens = headers.getall("X-Auth-Token", ())
        if tokens:
            return await self._remembered(_TOKEN, tokens[0]) if len(tokens) == 1 else None
        cookie = own_cookie(headers, self._rules.cookie)
        return await self._remembered(_COOKIE, cookie) if cookie else None

    async def _remembered(self, kind: bytes, secret: str) -> Visitor | None:
        key = hashlib.sha256(kind + secret.encode("utf-8", "surrogatepass")).digest()
        now = self._clock()
        visitor, until = self._known.get(key, (None, now))
        if visitor is not None and now < until:
            return visitor
        visitor = await self._look(kind, secret)
        if visitor is None:
            self._known.pop(key, None)
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = (visitor, now + timedelta(seconds=self._rules.remember))
        return visitor

    async def _look(self, kind: bytes, secret: str) -> Visitor | None:
        by_cookie = kind == _COOKIE
        if by_cookie:
            principal = await self._gatekeeper.principal_of_session(secret, self._clock(), SecretKind.VIEWER_SESSION)
        else:
            principal = await self._gatekeeper.principal_if_valid(secret, self._clock())
        return Visitor(principal=principal, by_cookie=by_cookie) if principal else None
