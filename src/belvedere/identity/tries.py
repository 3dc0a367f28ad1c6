"""How often somebody may guess. Pure: the time is an argument."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final

_KEPT: Final = 10_000  # of those who guessed lately; beyond that the longest quiet are forgotten


class Tries:
    """Counts wrong tries by whom or what they are made at; `most` of them are free `within` a span of time."""

    def __init__(self, most: int, within: timedelta) -> None:
        self._most = most
        self._within = within
        self._wrong: OrderedDict[Hashable, list[datetime]] = OrderedDict()

    def wait(self, key: Hashable, now: datetime) -> timedelta:
        """How long until another try is let through; zero for at once."""
        recent = [at for at in self._wrong.get(key, ()) if now - at < self._within]
        return timedelta() if len(recent) < self._most else recent[-self._most] + self._within - now

    def forget(self, key: Hashable) -> None:
        """The right one was found: what was wrong before counts no more."""
        self._wrong.pop(key, None)

    def taken_back(self, key: Hashable, at: datetime) -> None:
        """What was counted as a wrong try at that moment was none."""
        if at in (made := self._wrong.get(key, [])):
            made.remove(at)

    def failed(self, key: Hashable, now: datetime) -> None:
        """A wrong try was made, or begins: many at once must not all find the count low."""
        recent = [at for at in self._wrong.pop(key, ()) if now - at < self._within]
        self._wrong[key] = [*recent, now][-self._most :]
        if len(self._wrong) > _KEPT:
            self._wrong.popitem(last=False)
