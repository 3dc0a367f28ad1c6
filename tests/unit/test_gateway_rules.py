"""Judgements about a request's headers."""

import pytest
from multidict import CIMultiDict

from belvedere.gateway.rules import GatewayRules, is_allowed_host, is_navigation, may_act

RULES = GatewayRules(
    public_origin="https://View.example:8443",
    console_origin="https://console.example",
    allowed_hosts=frozenset({"inside.example"}),
)


@pytest.mark.parametrize(
    "host",
    [
        "view.example:8443",
        "VIEW.example",
        "view.example.",
        "localhost:8081",
        "127.0.0.1",
        "[::1]:8081",
        "[::1]",
        "inside.example:1",
    ],
)
def test_our_names_are_allowed(host: str) -> None:
    assert is_allowed_host(CIMultiDict({"Host": host}), RULES)


@pytest.mark.parametrize(
    "host", ["evil.example", "view.example.evil.example", "", "view.example:8443:1", "127.0.0.2", "xview.example"]
)
def test_other_names_are_refused(host: str) -> None:
    assert not is_allowed_host(CIMultiDict({"Host": host}), RULES)


@pytest.mark.parametrize("hosts", [[], ["view.example", "evil.example"], ["view.example", "view.example"]])
def test_there_must_be_one_host(hosts: list[str]) -> None:
    assert not is_allowed_host(CIMultiDict([("Host", host) for host in hosts]), RULES)


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {"Sec-Fetch-Mode": "navigate"}, True),
        ("HEAD", {"Accept": "text/html,*/*"}, True),
        ("GET", {"Sec-Fetch-Mode": "cors", "Accept": "text/html"}, False),
        ("GET", {"Accept": "*/*"}, False),
        ("GET", {}, False),
        ("POST", {"Sec-Fetch-Mode": "navigate"}, False),
    ],
)
def test_people_are_told_from_scripts(method: str, headers: dict[str, str], expected: bool) -> None:
    assert is_navigation(method, CIMultiDict(headers)) is expected


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, True),
        ("POST", {"Sec-Fetch-Site": "same-site"}, False),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "http://view.example"}, False),
        ("POST", {"Origin": "http://view.example"}, True),
        ("POST", {"Origin": "http://evil.example"}, False),
        ("POST", {"Origin": "null"}, False),
        ("DELETE", {}, False),
    ],
)
def test_who_comes_by_cookie_acts_from_our_own_pages_only(method: str, headers: dict[str, str], expected: bool) -> None:
    assert may_act(method, CIMultiDict({"Host": "view.example", **headers})) is expected


def test_the_cookies_name_is_bound_to_the_host_on_https() -> None:
    assert RULES.cookie == "__Host-belvedere_viewer"
