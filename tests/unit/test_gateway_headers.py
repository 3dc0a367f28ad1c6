"""What passes between browsers and viewers, and what doesn't."""

import pytest
from multidict import CIMultiDict

from belvedere.gateway.headers import confined_cookie, confined_location, forward_headers, own_cookies, return_headers

PREFIX = "/modelarts2/tensorboard/p/7"
HOST = "view.example:8081"


@pytest.mark.parametrize(
    "name",
    ["Connection", "Keep-Alive", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect"],
)
def test_hop_by_hop_headers_stay_on_their_hop(name: str) -> None:
    headers = CIMultiDict({name: "x"})
    assert name not in forward_headers(headers)
    if name != "Expect":
        assert name not in return_headers(headers, PREFIX, HOST, "")


def test_headers_named_by_connection_stay_on_their_hop() -> None:
    headers = CIMultiDict([("Connection", "close, X-Private"), ("X-Private", "1"), ("X-Public", "2")])
    assert set(forward_headers(headers)) == {"X-Public"}
    assert "X-Private" not in return_headers(headers, PREFIX, HOST, "")


@pytest.mark.parametrize(
    "name", ["X-Auth-Token", "Authorization", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Security-Token"]
)
def test_credentials_and_unproven_words_stay_here(name: str) -> None:
    assert not forward_headers(CIMultiDict({name.upper(): "x"}))


def test_our_cookies_stay_here_and_others_pass() -> None:
    headers = CIMultiDict([("Cookie", "a=1; belvedere_viewer=s"), ("Cookie", "__Host-belvedere_console=t; b=2")])
    assert forward_headers(headers).getall("Cookie") == ["a=1; b=2"]


def test_no_cookie_header_is_left_without_cookies() -> None:
    assert not forward_headers(CIMultiDict({"Cookie": "belvedere_viewer=s"}))


def test_a_viewer_scripts_longer_path_cannot_displace_our_cookie() -> None:
    headers = CIMultiDict({"Cookie": "belvedere_viewer=planted; x=1; belvedere_viewer=ours"})
    assert own_cookies(headers, "belvedere_viewer")[0] == "ours"


def test_of_many_cookies_of_our_name_a_few_are_tried() -> None:
    headers = CIMultiDict({"Cookie": "; ".join(f"belvedere_viewer={n}" for n in range(100))})
    assert own_cookies(headers, "belvedere_viewer") == [str(n) for n in range(99, 83, -1)]


def test_two_policies_in_one_header_stay_two() -> None:
    policy = "script-src 'self' 'nonce-x', img-src 'none'"
    returned = return_headers(
        CIMultiDict({"Content-Security-Policy": policy}), PREFIX, HOST, "http://c", None, "http://assets.v"
    )
    assert returned.getall("Content-Security-Policy")[:2] == [
        "script-src 'self' 'nonce-x' http://assets.v",
        "img-src 'none'",
    ]


def test_a_viewers_own_files_may_come_from_the_origin_that_has_them_for_all_jobs() -> None:
    policy = "default-src 'self'; script-src 'self' 'unsafe-eval'; connect-src 'self'; img-src data:"
    returned = return_headers(
        CIMultiDict({"Content-Security-Policy": policy}), PREFIX, HOST, "http://c", None, "http://assets.v"
    )
    assert returned.getall("Content-Security-Policy")[0] == (
        "default-src 'self' http://assets.v; script-src 'self' 'unsafe-eval' http://assets.v; connect-src 'self'; "
        "img-src data:"
    )


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/experiment/x/", f"{PREFIX}/experiment/x/"),
        (f"{PREFIX}/x?y=1#z", f"{PREFIX}/x?y=1#z"),
        (f"{PREFIX}0/x", f"{PREFIX}{PREFIX}0/x"),
        (f"http://{HOST}/x", f"{PREFIX}/x"),
        (f"//{HOST}{PREFIX}/x", f"{PREFIX}/x"),
        ("next?x=1", "next?x=1"),
        ("https://evil.example/", None),
        ("//evil.example/", None),
        ("/\\evil.example", None),
        ("javascript:alert(1)", None),
        ("http:evil.example", None),
        ("/x\r\nSet-Cookie: a=1", None),
    ],
)
def test_a_viewer_redirects_within_its_job(location: str, expected: str | None) -> None:
    assert confined_location(location, PREFIX, HOST) == expected


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("a=1", f"a=1; Path={PREFIX}/"),
        ("a=1; Path=/; Secure", f"a=1; Secure; Path={PREFIX}/"),
        (f"a=1; path={PREFIX}/x/", f"a=1; Path={PREFIX}/x/"),
        (f"a=1; Path={PREFIX}0/", f"a=1; Path={PREFIX}/"),
        ("a=1; Domain=example.com", f"a=1; Path={PREFIX}/"),
        ("belvedere_viewer=x", None),
        ("__Host-Belvedere_viewer=x; Path=/", None),
    ],
)
def test_a_viewers_cookie_stays_in_its_job(cookie: str, expected: str | None) -> None:
    assert confined_cookie(cookie, PREFIX) == expected


@pytest.mark.parametrize(
    "name", ["X-Frame-Options", "Clear-Site-Data", "Service-Worker-Allowed", "Strict-Transport-Security"]
)
def test_a_viewer_decides_nothing_for_the_whole_origin(name: str) -> None:
    assert name not in return_headers(CIMultiDict({name: "x"}), PREFIX, HOST, "")


def test_the_viewers_own_policy_stays_beside_ours() -> None:
    returned = return_headers(CIMultiDict({"Content-Security-Policy": "default-src 'self'"}), PREFIX, HOST, "http://c")
    assert returned.getall("Content-Security-Policy") == ["default-src 'self'", "frame-ancestors 'self' http://c"]


def test_who_may_frame_a_viewer_is_not_the_viewers_to_say() -> None:
    policy = "default-src 'self'; Frame-Ancestors 'self';img-src data:"
    returned = return_headers(CIMultiDict({"Content-Security-Policy": policy}), PREFIX, HOST, "http://c")
    assert returned.getall("Content-Security-Policy") == [
        "default-src 'self'; img-src data:", "frame-ancestors 'self' http://c"
    ]  # fmt: skip


def test_validators_and_lengths_pass() -> None:
    passing = {
        "ETag": '"a"',
        "Content-Length": "5",
        "Content-Encoding": "gzip",
        "Content-Range": "bytes 0-4/9",
        "Vary": "x",
    }
    returned = return_headers(CIMultiDict(passing), PREFIX, HOST, "")
    assert {name: returned[name] for name in passing} == passing


@pytest.mark.parametrize(
    ("path", "inner", "expected"),
    [
        ("/x?y=1", "", f"{PREFIX}/x?y=1"),
        ("/own/x", "/own", f"{PREFIX}/x"),
        ("/own", "/own", PREFIX),
        ("/own?x", "/own", f"{PREFIX}?x"),
        ("/owner/x", "/own", f"{PREFIX}/owner/x"),
        (f"{PREFIX}/x", None, f"{PREFIX}/x"),
        (f"{PREFIX}/x", "", f"{PREFIX}{PREFIX}/x"),
    ],
)
def test_a_viewers_own_prefix_becomes_the_public_one(path: str, inner: str | None, expected: str) -> None:
    assert confined_location(path, PREFIX, HOST, inner) == expected


@pytest.mark.parametrize(("path", "expected"), [("/own/a/", "/a/"), ("/own/", "/"), ("/", "/"), ("/other", "/")])
def test_a_cookies_path_moves_with_the_prefix(path: str, expected: str) -> None:
    assert confined_cookie(f"a=1; Path={path}", PREFIX, "/own") == f"a=1; Path={PREFIX}{expected}"
