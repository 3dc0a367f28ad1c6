"""How many connections each address holds. Pure counting."""

from collections import Counter

from belvedere.identity.addresses import Proxies
from belvedere.identity.rates import origin_of


class Crowd:
    """Lets an address hold `most` at the same time; 0: any number. Our own proxies hold everybody's."""

    def __init__(self, most: int = 0, proxies: Proxies | None = None) -> None:
        self._most = most
        self._proxies = proxies or Proxies()
        self._held: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Whether it may have another one, which then counts until it leaves."""
        if not self._most or self._proxies.is_ours(address):
            return True
        origin = origin_of(address)
        if self._held[origin] >= self._most:
            return False
        self._held[origin] += 1
        return True

    def leave(self, address: str) -> None:
        """One that was let in is over."""
        origin = origin_of(address)
        if self._held[origin] <= 1:
            del self._held[origin]
        else:
            self._held[origin] -= 1


def peer_of(peername: object) -> str:
    """The address in a socket's name of its peer; empty for one that has none."""
    return str(peername[0]) if isinstance(peername, tuple) and peername else ""
