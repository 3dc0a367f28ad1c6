"""What counts as use: a person who looks, or a script that asks on purpose. Background polling is none. Pure."""

from collections.abc import Callable
from typing import Final

from belvedere.gateway.headers import Headers
from belvedere.gateway.rules import is_navigation

OWN: Final = "/_belvedere/"  # below a job's prefix: the gateway's own answers
STATE: Final = f"{OWN}state"
PRESENT: Final = f"{OWN}present"

UseSink = Callable[[int], None]
"""Told the id of a job that is in use, often. For one whose viewer sleeps it has to pass that on at once."""


def is_use(method: str, rest: str, headers: Headers, *, by_cookie: bool) -> bool:
    """Whether a request below a job's prefix, at `rest`, shows that somebody looks at its viewer.

    A browser's pages poll also while hidden, so of their requests only two kinds count: going there, and the presence
    beacon, which a page sends while it is visible. A token is sent on purpose: what it asks of the viewer counts. So
    does what a page asks whose viewer's pages don't poll: for them `by_cookie` is False.
    """
    if rest == PRESENT:
        return method == "POST"
    if rest.startswith(OWN):
        return False
    if not by_cookie:
        return True
    return method == "GET" and is_navigation(method, headers) and not _is_ahead_of_time(headers)


def _is_ahead_of_time(headers: Headers) -> bool:
    """Whether a browser fetches a page that nobody has opened yet (prefetch, prerender)."""
    return "prefetch" in headers.get("Sec-Purpose", headers.get("Purpose", "")).lower()
