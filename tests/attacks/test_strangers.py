"""Tokens and keys that open nothing, sent again and again, to the API and to viewers."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from aiohttp import web

from belvedere.identity.addresses import Proxies, networks
from belvedere.identity.rates import Rates
from belvedere.service.strangers import TRACES
from tests.support.api import PROJECT, Api, api_in_process
from tests.support.gateway import Stage, stage, upstream
from tests.support.signing import sdk_signed

JOBS = f"http://api.example/v1/{PROJECT}/visualization-jobs"
TRIES = 4


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path, rates=Rates(guesses_per_minute=TRIES)) as api:
        yield api


async def turned_away(api: Api) -> list[tuple[str, str]]:
    return [(trace.signed_by, trace.message) for trace in await api.traces() if trace.name == "turnAway"]


def nobody(api: Api, address: str = "192.0.2.1") -> httpx2.AsyncClient:
    """A client without any credential."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(api.app, raise_app_exceptions=False, client=(address, 1)))


async def bad_token(api: Api, token: str = "made-up") -> httpx2.Response:
    return await api.client.get("/visualization-jobs", headers={"X-Auth-Token": token})


async def test_bad_tokens_are_told_in_the_audit_and_then_held_back(api: Api) -> None:
    found = [await bad_token(api) for _ in range(TRIES + 2)]
    assert [answer.status_code for answer in found] == [401] * TRIES + [429] * 2
    assert int(found[-1].headers["Retry-After"]) > 0
    assert await turned_away(api) == [("token", "The token is not valid here.")] * TRIES


async def test_a_good_token_from_the_same_address_is_let_in_all_the_same(api: Api) -> None:
    for _ in range(TRIES + 1):
        await bad_token(api)
    assert (await api.client.get("/visualization-jobs")).status_code == 200


async def test_a_script_with_yesterdays_token_keeps_nobody_from_signing_in(api: Api) -> None:
    for _ in range(TRIES + 1):
        await bad_token(api)
    user = {"name": "nobody", "password": "wrong", "domain": {"name": "Account"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    assert (await api.client.post("http://api.example/v3/auth/tokens", json=body)).status_code == 401


async def test_the_next_trace_tells_how_many_were_not_told(api: Api) -> None:
    for _ in range(TRIES + 3):
        await bad_token(api)
    api.world.pass_time(minutes=1)
    await bad_token(api)
    assert (await turned_away(api))[-1][1].endswith("And 3 more since the last one that is told.")


async def test_many_addresses_together_do_not_fill_the_audit(api: Api) -> None:
    for number in range(2 * int(TRACES)):
        client = nobody(api, f"203.0.113.{number}")
        assert (await client.get(JOBS, headers={"X-Auth-Token": "made-up"})).status_code == 401
    assert len(await turned_away(api)) == TRACES


async def test_a_wrong_signature_is_told_with_the_key_and_whose_it_is(api: Api) -> None:
    key = (await api.keys.create("colleague", api.world.now)).key.access_key
    url, headers = sdk_signed(key, "wrong", "GET", JOBS, at=api.world.now)
    assert (await nobody(api).get(url, headers=headers)).status_code == 401
    (trace,) = [each for each in await api.traces() if each.name == "turnAway"]
    assert (trace.resource_id, trace.resource_name, trace.signed_by) == (key, "colleague", "key")
    assert trace.message == "Incorrect IAM authentication information: verify aksk signature fail."


async def test_a_secret_in_the_place_of_the_key_is_not_told(api: Api) -> None:
    secret = "SECRETSECRETSECRET20"
    url, headers = sdk_signed(secret, "wrong", "GET", JOBS, at=api.world.now)
    assert (await nobody(api).get(url, headers=headers)).status_code == 401
    assert secret not in repr(await api.traces())


@pytest.mark.parametrize("headers", [{}, {"Cookie": "belvedere_console=old"}, {"Authorization": "Basic eDp5"}])
async def test_who_shows_neither_is_no_stranger(api: Api, headers: dict[str, str]) -> None:
    found = [(await nobody(api).get(JOBS, headers=headers)).status_code for _ in range(TRIES + 2)]
    assert found == [401] * (TRIES + 2)
    assert await turned_away(api) == []


async def viewer(request: web.BaseRequest) -> web.Response:
    return web.Response(text="viewer")


async def asked(made: Stage, token: str, times: int, **headers: str) -> list[int]:
    found = []
    for _ in range(times):
        async with made.client.get(made.url("/data/x"), headers={"X-Auth-Token": token, **headers}) as answer:
            found.append(answer.status)
    return found


async def test_bad_tokens_at_a_viewer_are_held_back_and_good_ones_are_not() -> None:
    rates = Rates(guesses_per_minute=TRIES)
    async with stage(rates=rates) as made, upstream(made.folder / "viewer.sock", viewer):
        made.ready()
        assert await asked(made, "made-up", TRIES + 1) == [401] * TRIES + [429]
        assert await asked(made, made.token, 2) == [200, 200]
        assert len(made.traces.kept) == TRIES


async def test_a_viewer_counts_requests_by_user_as_the_api_does() -> None:
    async with stage(rates=Rates(user=2)) as made, upstream(made.folder / "viewer.sock", viewer):
        made.ready()
        assert await asked(made, made.token, 6) == [200] * 4 + [429] * 2


async def test_a_viewer_counts_requests_by_the_address_that_our_proxy_tells() -> None:
    proxies = Proxies(networks=networks(["127.0.0.1"]))
    async with stage(rates=Rates(address=1), proxies=proxies) as made, upstream(made.folder / "viewer.sock", viewer):
        made.ready()
        assert await asked(made, made.token, 3, **{"X-Forwarded-For": "203.0.113.1"}) == [200, 200, 429]
        assert await asked(made, made.token, 1, **{"X-Forwarded-For": "203.0.113.2"}) == [200]


async def test_whoever_writes_a_proxys_header_dodges_nothing_at_a_viewer() -> None:
    async with stage(rates=Rates(address=1)) as made, upstream(made.folder / "viewer.sock", viewer):
        made.ready()
        found = [await asked(made, made.token, 1, **{"X-Forwarded-For": f"203.0.113.{each}"}) for each in range(4)]
        assert found == [[200], [200], [429], [429]]
