"""Who is asking: by token or by session cookie. Remembered for some seconds: a page's many files cost one look."""

import hashlib
from datetime import datetime, timedelta

import msgspec

from belvedere.gateway.headers import Headers, own_cookies
from belvedere.gateway.routes import RouteMatch
from belvedere.gateway.rules import GatewayRules
from belvedere.identity.passes import Passes
from belvedere.identity.records import Caller
from belvedere.lifecycle.clock import Clock

_MOST_REMEMBERED = 4096
_Key = tuple[int, bytes]  # the job that a session is for, or 0 for a token; and the secret's digest


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Someone we know. `by_cookie`: a browser vouches, so the request may be another site's doing."""

    principal: Caller
    by_cookie: bool


class Visitors:
    """Answers who sent a request. Only good answers are remembered, by their secrets' digests."""

    def __init__(self, passes: Passes, clock: Clock, rules: GatewayRules) -> None:
        self._gatekeeper = passes.gatekeeper
        self._passes = passes
        self._clock = clock
        self._rules = rules
        self._known: dict[_Key, tuple[Visitor, datetime]] = {}

    async def identify(self, headers: Headers, route: RouteMatch | None) -> Visitor | None:
        """Who sent these headers; None for nobody we know. A token decides alone, even beside a good cookie.

        `route`: the job whose session counts; None where none does.
        """
        tokens = headers.getall("X-Auth-Token", ())
        if tokens:
            return await self._remembered(0, tokens[0]) if len(tokens) == 1 else None
        if route is None:
            return None
        for cookie in own_cookies(headers, self._rules.cookie(route.prefix).name):
            if visitor := await self._remembered(route.job_id, cookie):
                return visitor
        return None

    async def _remembered(self, job_id: int, secret: str) -> Visitor | None:
        key = job_id, hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        now = self._clock()
        visitor, until = self._known.get(key, (None, now))
        if visitor is not None and now < until:
            return visitor
        visitor = await self._look(job_id, secret)
        if visitor is None:
            self._known.pop(key, None)
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = (visitor, now + timedelta(seconds=self._rules.remember))
        return visitor

    async def _look(self, job_id: int, secret: str) -> Visitor | None:
        if not job_id:
            principal = await self._gatekeeper.principal_if_valid(secret, self._clock())
            return Visitor(principal=principal, by_cookie=False) if principal else None
        held = await self._passes.holder(secret, job_id, self._clock())
        return Visitor(principal=held, by_cookie=True) if held else None
