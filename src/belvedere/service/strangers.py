"""Strangers: whoever shows a token, or signs by a key, that opens nothing.

Tokens and keys can't be guessed, so nobody who has a good one is held back because of somebody else at the same
address: only what opens nothing is counted, and answered by 429 once it is too much. The audit tells of as many as can
be read: nobody fills a disk by being refused.
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Final

from belvedere.contract.audit import TraceName
from belvedere.contract.errors import AuthenticationError, TooManyRequests
from belvedere.identity.rates import Rate, Rates, origin_of
from belvedere.identity.records import AccessKey
from belvedere.service.audit import Auditor

TRACES: Final = 30.0  # a minute, of all addresses together; those beyond it are counted in the next one
_ACCESS_KEY: Final = re.compile(r"Access=([A-Z0-9]{20}),")
_CUT: Final = re.compile(r"(?:, canonicalRequest|: it is unknown).*", re.DOTALL)  # what of the error is no news


def _ignore(shown: str) -> None:
    """Observe nothing."""


FindKey = Callable[[str], Awaitable[AccessKey | None]]


class Strangers:
    """Counts them by address. `observe` is told of each, by what was shown."""

    def __init__(
        self,
        rates: Rates,
        find_key: FindKey,
        audit: Auditor,
        *,
        observe: Callable[[str], None] = _ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observe = observe
        self._rates = rates
        self._find_key = find_key
        self._audit = audit
        self._clock = clock
        self._told = Rate(TRACES / 60, TRACES)
        self._untold = 0

    async def turned_away(self, shown: str, address: str, error: AuthenticationError, authorization: str = "") -> None:
        """Somebody has `shown` a token or a key that is no good. Raises TooManyRequests where that is too much."""
        self._observe(shown)
        now = self._clock()
        wait = self._rates.strangers.take(origin_of(address), now)
        if wait or self._told.take("", now):
            self._untold += 1
        else:
            await self._tell(shown, error, authorization)
        if wait:
            raise TooManyRequests(
                f"There are too many bad {shown}s from this address. Send a good one, or wait as Retry-After says.",
                retry_after=wait,
            )

    async def _tell(self, shown: str, error: AuthenticationError, authorization: str) -> None:
        untold, self._untold = self._untold, 0
        more = f" And {untold} more since the last one that is told." if untold else ""
        async with self._audit.act(None, TraceName.TURN_AWAY, signed_by=shown) as act:
            if key := await self._key(authorization):
                act.about(resource_id=key.access_key, resource_name=key.user)
            act.refuse(error.error_code, _CUT.sub(".", error.message) + more)

    async def _key(self, authorization: str) -> AccessKey | None:
        """The key that was named, if there is one: in the place of another the secret itself may have been put."""
        named = _ACCESS_KEY.search(authorization[:1024])
        return await self._find_key(named[1]) if named else None
