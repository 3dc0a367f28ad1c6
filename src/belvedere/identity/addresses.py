"""Where a request comes from, with proxies in between. Pure.

A proxy's word counts only if the proxy is one of ours: whoever reaches us directly may write into a header what they
like.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST_HOPS: Final = 32
_FOR: Final = re.compile(r"(?:^|;)\s*for\s*=\s*(\"[^\"]*\"|[^;\"\s]*)", re.IGNORECASE)


class ProxyHeader(StrEnum):
    """The header that the proxies write. Only one counts: what they don't write they pass on as strangers sent it."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"  # RFC 7239


class Proxies(msgspec.Struct, frozen=True, kw_only=True):
    """The proxies whose word counts, and how they say it."""

    networks: tuple[Network, ...] = ()
    header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR

    def client(self, peer: str, values: Sequence[str]) -> str:
        """The address of whoever asks: the last one in the header's `values` that is none of our proxies.

        `peer`: who the connection is from. What can't be read as an address ends the search: nothing before it counts.
        """
        known = peer
        for hop in _hops(self.header, values):
            if not self.is_ours(known) or _address(hop) is None:
                break
            known = str(_address(hop))
        return known

    def is_ours(self, text: str) -> bool:
        """Whether this is the address of one of them."""
        address = _address(text) if self.networks else None
        return address is not None and any(address in network for network in self.networks)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks, as in ``127.0.0.1`` and ``10.0.0.0/8``. Raises ValueError."""
    return tuple(ipaddress.ip_network(text.strip()) for text in texts)


def _hops(header: ProxyHeader, values: Sequence[str]) -> Iterator[str]:
    """Addresses as written, the nearest first."""
    parts = [part.strip() for value in values for part in value.split(",")][-_MOST_HOPS:]
    for part in reversed(parts):
        if header is ProxyHeader.X_FORWARDED_FOR:
            yield part
        else:
            found = _FOR.search(part)
            yield found[1].strip('"') if found else ""


def _address(text: str) -> _Address | None:
    """The address in ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
