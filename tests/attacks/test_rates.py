"""Asking too often: by one user, from one address, and guessing at passwords."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Scope

from belvedere.api.throttle import Throttle
from belvedere.contract.errors import TooManyRequests
from belvedere.identity.addresses import Proxies, networks
from belvedere.identity.rates import Rates
from tests.support.api import OTHER_PROJECT, PROJECT, Api, api_in_process

PASSWORD = "correct-horse-battery"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path, rates=Rates(user=2, address=5, guesses_per_minute=3)) as api:
        yield api


def at_root(path: str) -> str:
    return f"http://api.example{path}"


async def statuses(client: httpx2.AsyncClient, times: int, path: str = "/visualization-jobs") -> list[int]:
    return [(await client.get(path)).status_code for _ in range(times)]


async def test_a_user_who_asks_too_often_is_told_to_wait(api: Api) -> None:
    assert await statuses(api.client, 6) == [200] * 4 + [429] * 2
    answer = await api.client.get("/visualization-jobs")
    assert (answer.json()["error_code"], answer.headers["Retry-After"]) == ("APIG.0308", "1")
    api.world.pass_time(seconds=1)
    assert await statuses(api.client, 3) == [200, 200, 429]


async def test_a_user_is_one_in_all_projects_and_another_one_is_not_held_back(api: Api) -> None:
    await statuses(api.client, 4)
    async with api.client_of(OTHER_PROJECT) as same, api.client_of(PROJECT, "colleague") as other:
        assert await statuses(same, 1) == [429]
        assert await statuses(other, 1) == [200]


async def test_nobody_is_asked_who_they_are_once_their_address_is_spent(api: Api) -> None:
    answers = [await api.client.get(at_root("/openapi.json")) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert answers[-1].headers["X-Request-Id"]


def sign_in(password: str) -> dict[str, Any]:
    user = {"name": "ben", "password": password, "domain": {"name": "Account"}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}


async def test_guessing_is_stopped_and_the_right_password_waits_too(api: Api) -> None:
    await api.client.post(at_root("/v1/identity/users"), json={"name": "ben", "password": PASSWORD})
    tries = ["wrong-1", "wrong-2", "wrong-3", "wrong-4", PASSWORD]
    found = [(await api.client.post(at_root("/v3/auth/tokens"), json=sign_in(each))).status_code for each in tries]
    assert found == [401, 401, 401, 429, 429]
    assert len([trace for trace in await api.traces() if trace.name == "login"]) == 3


async def test_guessing_ones_present_password_is_stopped_too(api: Api) -> None:
    change = {"password": "wrong", "new_password": PASSWORD}
    path = at_root("/v1/identity/me/password")
    found = [(await api.client.put(path, json=change)).status_code for _ in range(5)]
    assert found == [400, 400, 400, 429, 429]


ELSEWHERE: dict[str, tuple[str, str, dict[str, str]]] = {
    "a form": ("POST", "/sign-in", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}),
    "a viewer's script": ("POST", "/sign-in", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "empty"}),
    "a script at the API": ("POST", "/v3/auth/tokens", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "empty"}),
    "a script by plain HTTP": ("POST", "/v3/auth/tokens", {"Origin": "http://evil.example"}),
    "a frame without an origin": ("POST", "/v3/auth/tokens", {"Origin": "null"}),
    "a picture": ("GET", "/sign-in/oidc/callback", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}),
    "a frame": ("GET", "/sign-in/oidc", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}),
    "a picture of a ticket": ("GET", "/sign-in?ticket=x", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}),
}


@pytest.mark.parametrize(("method", "path", "headers"), ELSEWHERE.values(), ids=ELSEWHERE)
async def test_another_sites_page_uses_nobodys_guesses_up(
    api: Api, method: str, path: str, headers: dict[str, str]
) -> None:
    await api.client.post(at_root("/v1/identity/users"), json={"name": "ben", "password": PASSWORD})
    body = sign_in("wrong")
    found = [
        (await api.client.request(method, at_root(path), json=body, headers=headers)).status_code for _ in range(5)
    ]
    assert found == [403] * 5
    answer = await api.client.post(at_root("/v3/auth/tokens"), json=sign_in("wrong"))
    assert answer.status_code == 401
    assert len([trace for trace in await api.traces() if trace.name == "login"]) == 1


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://api.example"}, {"Sec-Fetch-Site": "same-origin"}])
async def test_our_own_page_and_programs_are_heard(api: Api, headers: dict[str, str]) -> None:
    answer = await api.client.post(at_root("/v3/auth/tokens"), json=sign_in("wrong"), headers=headers)
    assert answer.status_code == 401


async def test_guessing_at_a_present_password_is_stopped_from_many_addresses_too(tmp_path: Path) -> None:
    async with api_in_process(tmp_path) as api:
        await api.client.post(at_root("/v1/identity/users"), json={"name": "ben", "password": PASSWORD})
        ben = (await api.client.post(at_root("/v3/auth/tokens"), json=sign_in(PASSWORD))).headers["X-Subject-Token"]
        found = []
        for address, password in enumerate([*["wrong"] * 6, PASSWORD]):
            transport = httpx2.ASGITransport(api.app, client=(f"203.0.113.{address}", 1))
            async with httpx2.AsyncClient(transport=transport, headers={"X-Auth-Token": ben}) as client:
                change = {"password": password, "new_password": f"{PASSWORD}-2"}
                found.append((await client.put(at_root("/v1/identity/me/password"), json=change)).status_code)
            api.world.pass_time(seconds=1)
        assert found == [400] * 5 + [429] * 2
        api.world.pass_time(seconds=60)
        change = {"password": PASSWORD, "new_password": f"{PASSWORD}-2"}
        answer = await api.client.put(at_root("/v1/identity/me/password"), json=change, headers={"X-Auth-Token": ben})
        assert answer.status_code == 200


async def test_who_signs_in_rightly_may_do_so_again_and_again(api: Api) -> None:
    await api.client.post(at_root("/v1/identity/users"), json={"name": "ben", "password": PASSWORD})
    found = [(await api.client.post(at_root("/v3/auth/tokens"), json=sign_in(PASSWORD))).status_code for _ in range(6)]
    assert found == [201] * 6


def request(address: str, path: str = "/v1/x") -> Scope:
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "client": (address, 1)}


def test_a_proxys_header_that_is_made_up_dodges_nothing() -> None:
    throttle, proxies = Throttle(Rates(address=1), lambda: 0.0), Proxies(networks=networks(["10.0.0.0/8"]))
    refused = 0
    for number in range(10):
        try:
            throttle.admit(request(proxies.client("192.0.2.66", [f"203.0.113.{number}"])))
        except TooManyRequests:
            refused += 1
    assert refused == 8


def test_a_network_of_addresses_is_one_machine() -> None:
    throttle = Throttle(Rates(address=1), lambda: 0.0)
    throttle.admit(request("2001:db8::1"))
    throttle.admit(request("2001:db8::2"))
    with pytest.raises(TooManyRequests):
        throttle.admit(request("2001:db8::3"))


def test_what_watches_the_service_is_never_held_back() -> None:
    throttle = Throttle(Rates(address=1), lambda: 0.0)
    for _ in range(100):
        throttle.admit(request("192.0.2.1", "/healthz"))
