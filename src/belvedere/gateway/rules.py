"""The gateway's settings, and its judgements about a request's headers. Pure."""

from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec

from belvedere.console.forms import is_same_origin
from belvedere.console.sessions import viewer_cookie
from belvedere.gateway.headers import Headers

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS: Final = _READING | {"POST", "PUT", "PATCH", "DELETE"}


class GatewayRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway is told. Origins are ``scheme://host[:port]``; all times are in seconds."""

    public_origin: str
    console_origin: str
    allowed_hosts: frozenset[str] = frozenset()  # host names without port, beside loopback's and the public one
    patience: float = 30.0  # how long a script's request waits for a viewer
    hold: float = 1.0  # how long a person's waits for one that ran before, until there is a page about it
    linger: float = 2.0  # how long a background request waits for somebody else to wake a viewer
    poll: float = 25.0  # how long the waiting page's question waits for news
    remember: float = 3.0  # how long a session's or token's answer is believed

    @property
    def cookie(self) -> str:
        """The session cookie's name."""
        return viewer_cookie(secure=self.public_origin.startswith("https://"))


def is_allowed_host(headers: Headers, rules: GatewayRules) -> bool:
    """Whether the one Host header names us. Else a page of another site could reach us by rebinding its own name."""
    hosts = headers.getall("Host", ())
    if len(hosts) != 1:
        return False
    name = host_name(hosts[0])
    return name in LOOPBACK_NAMES or name in rules.allowed_hosts or name == _name_in(rules.public_origin)


@lru_cache(maxsize=8)
def _name_in(origin: str) -> str:
    return host_name(urlsplit(origin).netloc)


@lru_cache(maxsize=64)
def host_name(host: str) -> str:
    """A Host header's name, without its port, in lower case."""
    name, _, port = host.rpartition(":")
    return (name if name and port.isdecimal() else host).lower().rstrip(".")


def is_navigation(method: str, headers: Headers) -> bool:
    """Whether a person is going there, so that a page is the right answer; a script gets JSON."""
    if method not in {"GET", "HEAD"}:
        return False
    mode = headers.get("Sec-Fetch-Mode")
    return mode == "navigate" if mode is not None else "text/html" in headers.get("Accept", "")


def is_known_origin(headers: Headers) -> bool:
    """Whether browsers say that the request comes from our own origin. Nothing said counts as no."""
    return is_same_origin(
        site=headers.get("Sec-Fetch-Site"), origin=headers.get("Origin"), host=headers.get("Host", "")
    )


def may_act(method: str, headers: Headers) -> bool:
    """Whether a request that is let in by a cookie alone may do what its method says (CSRF)."""
    return method in _READING or is_known_origin(headers)
