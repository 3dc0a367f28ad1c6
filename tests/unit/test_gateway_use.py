"""What counts as use of a viewer, and what is only a page's own noise."""

import pytest
from multidict import CIMultiDict

from belvedere.gateway.use import is_use

VISIT = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
POLL = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}


@pytest.mark.parametrize(
    ("method", "rest", "headers"),
    [("GET", "/", VISIT), ("GET", "/", {"Accept": "text/html"}), ("POST", "/_belvedere/present", POLL)],
)
def test_who_comes_or_looks_uses_it(method: str, rest: str, headers: dict[str, str]) -> None:
    assert is_use(method, rest, CIMultiDict(headers), by_cookie=True)


@pytest.mark.parametrize(
    ("method", "rest", "headers"),
    [
        ("GET", "/data/environment", POLL),
        ("POST", "/data/plugin/timeseries/timeSeries", POLL),
        ("GET", "/index.js", {"Sec-Fetch-Mode": "no-cors"}),
        ("GET", "/_belvedere/present", POLL),
        ("GET", "/_belvedere/state", POLL),
        ("GET", "/_belvedere/state", VISIT),
        ("HEAD", "/", VISIT),
        ("GET", "/", VISIT | {"Sec-Purpose": "prefetch;prerender"}),
    ],
)
def test_what_a_page_does_by_itself_is_no_use(method: str, rest: str, headers: dict[str, str]) -> None:
    assert not is_use(method, rest, CIMultiDict(headers), by_cookie=True)


def test_a_token_uses_what_it_asks_of_the_viewer_only() -> None:
    assert is_use("GET", "/data/runs", CIMultiDict(POLL), by_cookie=False)
    assert not is_use("GET", "/_belvedere/state", CIMultiDict(POLL), by_cookie=False)
