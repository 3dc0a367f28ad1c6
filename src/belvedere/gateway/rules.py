"""The gateway's settings, and its judgements about a request's headers. Pure."""

from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec

from belvedere.console.forms import is_same_origin
from belvedere.console.sessions import Cookie, own_origin_cookie, shared_origin_cookie
from belvedere.contract.origins import ViewerOrigins
from belvedere.gateway.headers import Headers

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_OUR_SITES = frozenset({"same-origin", "none"})
_LOADED = frozenset({"script", "style", "image", "font"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS: Final = _READING | {"POST", "PUT", "PATCH", "DELETE"}


class GatewayRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway is told. `console_origin` is ``scheme://host[:port]``; all times are in seconds."""

    origins: ViewerOrigins
    console_origin: str
    allowed_hosts: frozenset[str] = frozenset()  # host names without port, beside loopback's and the viewers' own
    patience: float = 30.0  # how long a script's request waits for a viewer
    hold: float = 1.0  # how long a person's waits for one that ran before, until there is a page about it
    linger: float = 2.0  # how long a background request waits for somebody else to wake a viewer
    poll: float = 25.0  # how long the waiting page's question waits for news
    remember: float = 3.0  # how long a session's or token's answer is believed

    def cookie(self, prefix: str) -> Cookie:
        """The session cookie of the job that has this path."""
        secure = self.origins.is_secure
        if self.origins.each:
            return own_origin_cookie(secure=secure)
        return shared_origin_cookie(f"{prefix}/", secure=secure)

    def better_place(self, headers: Headers) -> str:
        """The origin where a page's browser should get a file that all jobs have; empty: where it asks for it.

        What a script fetches stays: it could not read it from another origin.
        """
        return self.origins.assets if headers.get("Sec-Fetch-Dest") in _LOADED else ""

    def takes_sessions(self, place: "Place") -> bool:
        """Whether browsers may look at viewers there: where each job has an origin, only there."""
        return place.job_id is not None or not self.origins.each


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The origin that a request was sent to: that of a job, that of files for all of them, or the shared one."""

    job_id: int | None = None
    has_files_only: bool = False


SHARED: Final = Place()


def place_of(headers: Headers, rules: GatewayRules) -> Place | None:
    """The place that the one Host header names; None for a name that is not ours.

    Else a page of another site could reach us by rebinding its own name.
    """
    hosts = headers.getall("Host", ())
    return _place_named(hosts[0], rules) if len(hosts) == 1 else None


@lru_cache(maxsize=256)
def _place_named(host: str, rules: GatewayRules) -> Place | None:
    name = host_name(host)
    if (job_id := rules.origins.job_at(name)) is not None:
        return Place(job_id=job_id)
    if rules.origins.is_for_assets(name):
        return Place(has_files_only=True)
    is_ours = name in LOOPBACK_NAMES or name in rules.allowed_hosts or name == _name_in(rules.origins.shared)
    return SHARED if is_ours else None


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
    """Whether a request that is let in by a cookie alone comes from where it may (CSRF).

    Another origin's page may lead a person here, and do nothing else: not even show a picture that it can't read.
    """
    if method not in _READING:
        return is_known_origin(headers)
    return headers.get("Sec-Fetch-Site", "none") in _OUR_SITES or is_navigation(method, headers)


def is_service_worker(headers: Headers) -> bool:
    """Whether a page wants to install a program that would answer for us from then on, also when it is long gone."""
    return "Service-Worker" in headers or headers.get("Sec-Fetch-Dest") == "serviceworker"


def is_embedded(headers: Headers) -> bool:
    """Whether a navigation fills a frame of another page rather than a tab."""
    return headers.get("Sec-Fetch-Dest", "document") != "document"
