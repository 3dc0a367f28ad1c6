"""Holds back whoever asks too often, at the viewers' origins as at the API."""

import secrets
import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from belvedere.contract.errors import InvalidToken, TooManyRequests
from belvedere.gateway import answers
from belvedere.gateway.places import Asker
from belvedere.gateway.visitors import Visitor
from belvedere.identity.acts import WHENCE, Whence
from belvedere.identity.addresses import Proxies
from belvedere.identity.passes import Passes
from belvedere.identity.rates import Rates, origin_of
from belvedere.identity.records import SignedBy
from belvedere.lifecycle.clock import Clock
from belvedere.service.strangers import Strangers


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """What decides who is let in, and how often."""

    passes: Passes
    guard: "Guard"
    clock: Clock


class Guard:
    """Counts by address and by user, in the same buckets as the API."""

    def __init__(
        self, rates: Rates, proxies: Proxies, strangers: Strangers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates = rates
        self._proxies = proxies
        self._strangers = strangers
        self._clock = clock

    def hold(self, request: web.BaseRequest) -> web.Response | None:
        """An answer to who has to wait; None for who need not."""
        wait = self._rates.by_address.take(origin_of(self._address(request)), self._clock())
        return answers.too_many("requests from this address", retry_after=wait) if wait else None

    def asker(self, request: web.BaseRequest, visitor: Visitor) -> Asker:
        """Who counts as one: guests of share links are nobody but where they come from."""
        if visitor.principal.signed_by is SignedBy.SHARE:
            return Asker(origin_of(self._address(request)), is_guest=True)
        return Asker(visitor.principal.user)

    def hold_asker(self, asker: Asker) -> web.Response | None:
        """The same as `hold` for a user, however many addresses they have; a guest may ask as often as a user."""
        wait = self._rates.by_user.take(asker if asker.is_guest else asker.name, self._clock())
        who = "by share links from this address" if asker.is_guest else "by this user"
        return answers.too_many(f"requests {who}", retry_after=wait) if wait else None

    async def turn_away(self, request: web.BaseRequest) -> web.Response:
        """The answer to a token that is no good."""
        address = self._address(request)
        WHENCE.set(Whence(address=address, request_id=secrets.token_hex(16)))
        error = InvalidToken("The token in the X-Auth-Token header is not valid here.")
        try:
            await self._strangers.turned_away("token", address, error)
        except TooManyRequests as refusal:
            return answers.problem(429, refusal.error_code, refusal.message, retry_after=refusal.retry_after)
        return answers.problem(401, error.error_code, error.message)

    def _address(self, request: web.BaseRequest) -> str:
        peer = request.remote or ""
        if not self._proxies.networks:
            return peer
        return self._proxies.client(peer, request.headers.getall(self._proxies.header.value, ()))
