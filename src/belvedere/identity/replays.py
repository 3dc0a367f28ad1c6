"""Signatures that have been used: each opens once. No I/O."""

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final

from belvedere.identity.signatures import LEEWAY

MOST: Final = 100_000  # signatures that are remembered; some 20 MB
# Dates count whole seconds, so that a script that asks the same twice within one has signed the same twice.
TWIN: Final = timedelta(seconds=5)


class Replays:
    """Remembers signatures as long as their date would be accepted.

    Its memory is bounded: when it is full, the oldest signatures are forgotten, and from then on everything that was
    signed as early as they is refused, used or not. So is, after a start, everything that was signed before it: what
    was used before the start is not known any more. No signature is ever taken twice.
    """

    def __init__(self, started_at: datetime, most: int = MOST) -> None:
        self._floor = started_at.replace(microsecond=0)
        self._most = most
        self._used: dict[datetime, dict[str, Hashable]] = {}  # by date, then signature: whose it was
        self._count = 0

    def is_stale(self, signed_at: datetime) -> bool:
        """Whether it was signed too early for us to know whether it was used."""
        return signed_at < self._floor

    def use(self, signature: str, signed_at: datetime, now: datetime, *, connection: Hashable = None) -> bool:
        """Whether the signature may be used now; False: it was used.

        `connection`: where a request that only reads came from. Its equal of the same second may follow on the same
        connection: nobody else can have sent it there.
        """
        used = self._used.get(signed_at, {})
        if signature in used:
            return connection is not None and used[signature] == connection and abs(now - signed_at) <= TWIN
        self._forget_until(now - LEEWAY)
        while self._count >= self._most:
            oldest = min(self._used)
            self._floor = max(self._floor, oldest + timedelta(seconds=1))
            self._drop(oldest)
        self._used.setdefault(signed_at, {})[signature] = connection
        self._count += 1
        return True

    def _forget_until(self, end: datetime) -> None:
        for date in [date for date in self._used if date < end]:
            self._drop(date)

    def _drop(self, date: datetime) -> None:
        self._count -= len(self._used.pop(date))
