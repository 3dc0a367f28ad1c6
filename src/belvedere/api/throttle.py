"""Holds back whoever asks too often, before anything else is done for them."""

import re
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from belvedere.contract.errors import PermissionDenied, TooManyRequests
from belvedere.identity.rates import Rates, origin_of

_PROBES: Final = frozenset({"/healthz", "/readyz"})
# Where secrets are shown that people choose, or that somebody could try to guess.
_GUESSES: Final = re.compile(r"/v3/auth/tokens|/sign-in(?:/oidc(?:/callback)?)?|(?:/account|/v1/identity/me)/password")
_BAD: Final = 400


class Throttle:
    """Counts requests by the address that they come from, as the edge knows it, and by user."""

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock

    def admit(self, scope: Scope) -> None:
        """Raise TooManyRequests unless this address may send another one.

        Raises PermissionDenied for a guess that another site's page makes its reader's browser send: whoever reads that
        page would use up the guesses of all who share their address.
        """
        client = scope.get("client")
        if not client or scope["path"] in _PROBES:
            return
        origin = origin_of(client[0])
        _refuse(self._rates.by_address.take(origin, self._clock()), "requests from this address")
        if _is_guess(scope):
            if _is_anothers(scope):
                raise PermissionDenied("This was sent by another site's page. Sign in on the page of this service.")
            _refuse(self._rates.guesses.take(origin, self._clock()), "bad tries to sign in from this address")

    def admit_user(self, user: str) -> None:
        """Raise TooManyRequests unless this user may send another one."""
        _refuse(self._rates.by_user.take(user, self._clock()), "requests by this user")

    def answered(self, scope: Scope, status: int) -> None:
        """A sign-in that was a good one was no guess."""
        client = scope.get("client")
        if client and status < _BAD and _is_guess(scope):
            self._rates.guesses.give_back(origin_of(client[0]))


def _is_guess(scope: Scope) -> bool:
    if not _GUESSES.fullmatch(scope["path"]):
        return False
    return scope["method"] in {"POST", "PUT"} or "/oidc" in scope["path"] or b"ticket=" in scope["query_string"]


def _is_anothers(scope: Scope) -> bool:
    """Whether a browser says that another origin's page is behind it, and no person who follows a link."""
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None:  # an older browser, or one that came by plain HTTP
        return origin is not None and origin.partition("://")[2] != headers.get("host", "")
    is_visit = scope["method"] == "GET" and headers.get("sec-fetch-dest", "document") == "document"
    return site not in {"same-origin", "none"} and not is_visit


def _refuse(wait: float, what: str) -> None:
    if wait:
        raise TooManyRequests(f"There are too many {what}. Wait as long as Retry-After says.", retry_after=wait)
