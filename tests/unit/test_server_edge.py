"""The outermost layer of API and console."""

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from belvedere.console.jar import LARGEST
from belvedere.identity.addresses import Proxies, networks
from belvedere.server.edge import Edge, EdgeRules, is_our_name

NAMES = frozenset({"belvedere.example"})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Say where the request comes from."""
    client = Request(scope).client
    response: Response = PlainTextResponse(client.host if client else "")
    await response(scope, receive, send)


def client(*, is_secure: bool = False, peer: str = "127.0.0.1") -> httpx2.AsyncClient:
    rules = EdgeRules(names=NAMES, is_secure=is_secure, proxies=Proxies(networks=networks(["127.0.0.1"])))
    transport = httpx2.ASGITransport(Edge(app, rules), client=(peer, 1))
    return httpx2.AsyncClient(transport=transport, base_url="http://belvedere.example")


@pytest.mark.parametrize(
    "host", ["belvedere.example", "BELVEDERE.example:8080", "belvedere.example.", "localhost:1", "192.0.2.7:8080",
             "[::1]:80", "[2001:db8::1]"],
)  # fmt: skip
def test_our_names_and_plain_addresses_are_ours(host: str) -> None:
    assert is_our_name([host], NAMES)


@pytest.mark.parametrize(
    "hosts", [[], ["evil.example"], ["belvedere.example", "evil.example"], ["belvedere.example.evil.example"], [""],
              ["[::1"], ["belvedere.example@evil.example"], ["1.2.3.4.evil.example"]],
)  # fmt: skip
def test_other_names_are_not(hosts: list[str]) -> None:
    assert not is_our_name(hosts, NAMES)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 421), ("/sign-in", 421), ("/jobs/1", 421), ("/v1x", 421), ("/v1/p/visualization-jobs", 200), ("/v3", 200),
     ("/healthz", 200), ("/openapi.json", 200)],
)  # fmt: skip
async def test_pages_are_shown_under_our_own_names_alone(path: str, status: int) -> None:
    async with client() as asking:
        assert (await asking.get(path, headers={"Host": "evil.example"})).status_code == status


@pytest.mark.parametrize(("peer", "seen"), [("127.0.0.1", "192.0.2.1"), ("192.0.2.9", "192.0.2.9")])
async def test_a_strangers_word_on_the_address_does_not_count(peer: str, seen: str) -> None:
    async with client(peer=peer) as asking:
        answer = await asking.get("/", headers={"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=198.51.100.1"})
        assert answer.text == seen


@pytest.mark.parametrize("is_secure", [True, False])
async def test_browsers_are_told_to_come_by_https_alone_where_they_do(is_secure: bool) -> None:
    async with client(is_secure=is_secure) as asking:
        assert ("Strict-Transport-Security" in (await asking.get("/")).headers) is is_secure


JAR = "x=" + "v" * LARGEST


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/", {}, 200), ("/", {"Host": "evil.example"}, 421), ("/", {"Cookie": JAR}, 431),
     ("/", {"Cookie": JAR, "Sec-Fetch-Mode": "navigate"}, 303)],
)  # fmt: skip
async def test_every_answer_is_safe_to_look_at(path: str, headers: dict[str, str], status: int) -> None:
    async with client(is_secure=True) as asking:
        answer = await asking.get(path, headers=headers)
        assert answer.status_code == status
        for name in (
            "X-Content-Type-Options",
            "Referrer-Policy",
            "Content-Security-Policy",
            "Strict-Transport-Security",
        ):
            assert len(answer.headers.get_list(name)) == 1


async def test_a_name_that_is_none_beside_a_full_jar_is_no_fault_of_ours() -> None:
    async with client() as asking:
        assert (await asking.get("/v1/x", headers={"Host": "[x", "Cookie": JAR})).status_code == 431
