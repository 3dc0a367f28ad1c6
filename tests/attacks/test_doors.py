"""Every form of the console from elsewhere, and secrets of a size or shape that none has, at every door."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.routing import Route

from belvedere.identity.acts import Trace
from tests.support.api import PROJECT, Api, api_in_process
from tests.support.console import OUR_PAGE, Stage, console
from tests.support.gateway import job
from tests.support.signing import sdk_signed

JOBS = f"http://api.example/v1/{PROJECT}/visualization-jobs"
LARGE = "x" * (1 << 20)
ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Referer": "http://console.example/"},
    {},
)
FORM = {"project": PROJECT, "token": "t", "user": "ann", "password": "p", "description": "d", "expires_in": "3600"}
PLACES = {"job_id": "1", "verb": "stop", "share_id": "1", "access_key": "AK", "secret": "s", "name": "n"}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with console(job()) as made:
        await made.sign_in()
        yield made


def forms(made: Stage) -> list[str]:
    """The path of every form there is."""
    routes = [each for each in made.routes if isinstance(each, Route) and "POST" in (each.methods or ())]
    return [each.path.format_map(PLACES) for each in routes]


def kept(made: Stage) -> tuple[list[Trace], int, list[object]]:
    return [*made.audit.kept], len(made.identities._secrets), [*made.jobs.acted]


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
async def test_no_form_of_another_site_does_anything(stage: Stage, headers: dict[str, str]) -> None:
    before, paths = kept(stage), forms(stage)
    assert len(paths) >= 9
    found = {path: (await stage.client.post(path, data=FORM, headers=headers)).status_code for path in paths}
    assert found == dict.fromkeys(paths, 403)
    assert kept(stage) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_no_form_is_taken_by_another_method(stage: Stage, method: str) -> None:
    before = kept(stage)
    pages = {each.path for each in stage.routes if isinstance(each, Route) and method in (each.methods or ())}
    only_forms = [path for path in forms(stage) if path not in pages and not path.startswith("/s/")]
    assert only_forms
    for path in only_forms:
        assert (await stage.client.request(method, path, headers=OUR_PAGE)).status_code in {401, 404, 405}
    assert kept(stage) == before


@pytest.mark.parametrize("field", ["token", "user", "password"])
async def test_a_large_field_signs_nobody_in(stage: Stage, field: str) -> None:
    stage.client.cookies.clear()
    form = {"user": "ann", "password": "p", field: LARGE}
    answer = await stage.client.post("/sign-in", data=form, headers=OUR_PAGE)
    assert (answer.status_code, "Set-Cookie" in answer.headers, len(answer.text) < 10_000) == (401, False, True)


@pytest.mark.parametrize("path", ["/sign-in?ticket=", "/s/", "/jobs/1/open?to="])
async def test_a_large_secret_in_an_address_opens_nothing(stage: Stage, path: str) -> None:
    stage.client.cookies.clear()
    answer = await stage.client.get(path + LARGE[:60_000])
    assert (answer.status_code in {401, 404}, "Set-Cookie" in answer.headers) == (True, False)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path) as made:
        yield made


def nobody(api: Api) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(api.app, raise_app_exceptions=False), base_url="http://api.example"
    )


@pytest.mark.parametrize("name", ["X-Auth-Token", "Authorization", "X-Sdk-Date", "X-Security-Token"])
async def test_a_large_header_opens_nothing(api: Api, name: str) -> None:
    key = await api.keys.create("colleague", api.world.now)
    url, signed = sdk_signed(key.key.access_key, key.secret_key, "GET", JOBS, at=api.world.now)
    headers = {name: LARGE} if name == "X-Auth-Token" else {**signed, name: LARGE}
    async with nobody(api) as client:
        answer = await client.get(url, headers=headers)
    assert (answer.status_code, len(answer.content) < 10_000) == (401, True)


async def test_a_large_token_is_none_to_ask_about(api: Api) -> None:
    headers = {"X-Auth-Token": api.tokens[f"admin@{PROJECT}"], "X-Subject-Token": LARGE}
    async with nobody(api) as client:
        for method in ("GET", "DELETE"):
            assert (await client.request(method, "/v3/auth/tokens", headers=headers)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"identity": {"methods": ["token"], "token": {"id": LARGE}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "ann", "password": LARGE}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": LARGE, "password": "p"}}}},
    ],
    ids=["token", "password", "name"],
)  # fmt: skip
async def test_a_large_secret_in_a_body_opens_nothing(api: Api, body: dict[str, object]) -> None:
    async with nobody(api) as client:
        answer = await client.post("/v3/auth/tokens", json={"auth": body})
    assert (answer.status_code in {400, 401}, len(answer.content) < 10_000) == (True, True)
