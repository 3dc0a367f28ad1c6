"""How many requests somebody may send. Pure: the time is an argument, in seconds of a monotonic clock."""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_KEPT: Final = (
    10_000  # of those who asked lately; beyond that the longest quiet are forgotten, which fills their bucket
)


class Rate:
    """A bucket for each key: it holds `burst` tokens, gets `per_second` new ones, and a request takes one."""

    def __init__(self, per_second: float, burst: float) -> None:
        """`per_second` 0: there is no limit."""
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # tokens, as of when

    def take(self, key: Hashable, now: float) -> float:
        """Take a token: 0.0; or if there is none, the seconds until there is."""
        if not self._per_second:
            return 0.0
        tokens, since = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._per_second)
        granted = tokens >= 1
        self._buckets[key] = (tokens - 1 if granted else tokens), now
        if len(self._buckets) > _KEPT:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) / self._per_second

    def give_back(self, key: Hashable) -> None:
        """That request counts for nothing after all."""
        if key in self._buckets:
            tokens, since = self._buckets[key]
            self._buckets[key] = min(self._burst, tokens + 1), since


class Rates:
    """Who may ask how often: by user, by address, and by address again for what may be a guess at a secret."""

    def __init__(self, *, user: float = 0, address: float = 0, guesses_per_minute: float = 0) -> None:
        """Requests per second, of which two seconds' worth may come at once; 0: no limit."""
        self.by_user = Rate(user, 2 * user)
        self.by_address = Rate(address, 2 * address)
        self.guesses = Rate(guesses_per_minute / 60, max(guesses_per_minute, 1))
        # Apart from the guesses: a script that goes on with a token of yesterday must not keep people from signing in.
        self.strangers = Rate(guesses_per_minute / 60, max(guesses_per_minute, 1))


def origin_of(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, because one machine has all of it."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped:  # as sockets that listen on both tell those of IPv4: all of them are in one such network
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
