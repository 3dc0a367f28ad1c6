"""Holds back whoever asks too often, at the viewers' origins as at the API."""

import secrets
import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from belvedere.contract.errors import InvalidToken, TooManyRequests
from belvedere.gateway import answers
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
        return _wait(wait, "requests from this address") if wait else None

    def hold_visitor(self, visitor: Visitor) -> web.Response | None:
        """The same for a user, however many addresses they have. A share link's guests are nobody."""
        if visitor.principal.signed_by is SignedBy.SHARE:
            return None
        wait = self._rates.by_user.take(visitor.principal.user, self._clock())
        return _wait(wait, "requests by this user") if wait else None

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


def _wait(seconds: float, what: str) -> web.Response:
    message = f"There are too many {what}. Wait as long as Retry-After says."
    return answers.problem(429, TooManyRequests.code, message, retry_after=seconds)
