"""Judgements about a request's headers."""

import pytest
from multidict import CIMultiDict

from belvedere.contract.origins import ViewerOrigins
from belvedere.gateway.rules import SHARED, GatewayRules, Place, is_navigation, may_act, place_of

RULES = GatewayRules(
    origins=ViewerOrigins(shared="https://View.example:8443"),
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
    assert place_of(CIMultiDict({"Host": host}), RULES) == SHARED


@pytest.mark.parametrize(
    "host", ["evil.example", "view.example.evil.example", "", "view.example:8443:1", "127.0.0.2", "xview.example"]
)
def test_other_names_are_refused(host: str) -> None:
    assert place_of(CIMultiDict({"Host": host}), RULES) is None


@pytest.mark.parametrize("hosts", [[], ["view.example", "evil.example"], ["view.example", "view.example"]])
def test_there_must_be_one_host(hosts: list[str]) -> None:
    assert place_of(CIMultiDict([("Host", host) for host in hosts]), RULES) is None


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
        ("GET", {"Sec-Fetch-Site": "none"}, True),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, True),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, False),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, False),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
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


OWN = ViewerOrigins(shared="https://view.example", each="https://*.view.example", is_known=True)
PREFIX = "/modelarts2/tensorboard/p/7"


@pytest.mark.parametrize(
    ("origins", "name", "path"),
    [
        (RULES.origins, "__Secure-belvedere_viewer", f"{PREFIX}/"),
        (ViewerOrigins(shared="http://v"), "belvedere_viewer", f"{PREFIX}/"),
        (OWN, "__Host-belvedere_viewer", "/"),
        (ViewerOrigins(shared="http://v", each="http://*.localhost"), "belvedere_viewer", "/"),
    ],
)
def test_a_session_is_for_its_job_alone(origins: ViewerOrigins, name: str, path: str) -> None:
    cookie = GatewayRules(origins=origins, console_origin="").cookie(PREFIX)
    assert (cookie.name, cookie.path) == (name, path)
    words = cookie.setting("s").split("; ")
    assert ("HttpOnly" in words, "SameSite=Lax" in words, "Secure" in words) == (True, True, origins.is_secure)
    assert not any(word.startswith("Domain") for word in words)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("job-7.view.example", Place(job_id=7)),
        ("JOB-7.VIEW.example.:443", Place(job_id=7)),
        ("view.example", SHARED),
        ("job-07.view.example", None),
        ("job-0.view.example", None),
        ("job-9223372036854775808.view.example", None),
        ("job-\u0667.view.example", None),
        ("x.job-7.view.example", None),
        ("job-7.view.example.evil.example", None),
        ("job-7xview.example", None),
        (".view.example", None),
        ("console.view.example", None),
    ],
)
def test_a_jobs_own_name_is_spelt_in_one_way(host: str, place: Place | None) -> None:
    rules = GatewayRules(origins=OWN, console_origin="")
    assert place_of(CIMultiDict({"Host": host}), rules) == place


@pytest.mark.parametrize(("place", "takes"), [(SHARED, False), (Place(job_id=7), True)])
def test_where_jobs_have_origins_sessions_count_there_alone(place: Place, takes: bool) -> None:
    assert GatewayRules(origins=OWN, console_origin="").takes_sessions(place) is takes
