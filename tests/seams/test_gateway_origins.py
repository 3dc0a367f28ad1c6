"""Each job on an origin of its own: what is answered where."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import pytest
from aiohttp import web

from belvedere.contract.origins import ViewerOrigins
from tests.support.gateway import Stage, job, stage, upstream

ORIGINS: Final = ViewerOrigins(shared="https://view.example", each="https://*.view.example", is_known=True)
PERSON = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
COOKIE = "__Host-belvedere_viewer"


async def hello(request: web.BaseRequest) -> web.Response:
    return web.Response(text=request.headers["Host"])


@contextlib.asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    async with stage(patience=0.2, origins=ORIGINS) as made, upstream(made.folder / "viewer.sock", hello):
        made.ready()
        made.ready(job(2))
        yield made


def at(job_id: int) -> dict[str, str]:
    return {"Host": f"job-{job_id}.view.example"}


async def test_a_person_at_the_shared_origin_is_led_to_the_jobs_own() -> None:
    async with open_stage() as made:
        headers = {**PERSON, "Host": "view.example"}
        async with made.client.get(made.url("/?a=1"), headers=headers, allow_redirects=False) as answer:
            own = f"https://job-1.view.example{made.url('/?a=1').raw_path_qs}"
            assert (answer.status, answer.headers["Location"]) == (303, own)


async def test_a_script_with_a_token_is_served_at_the_shared_origin() -> None:
    async with open_stage() as made:
        headers = {"Host": "view.example", "X-Auth-Token": made.token, "Accept": "text/html"}
        async with made.client.get(made.url("/x"), headers=headers) as answer:
            assert answer.status == 200


async def test_a_ticket_opens_a_session_that_is_good_at_the_jobs_own_origin_alone() -> None:
    async with open_stage() as made:
        url = made.url(f"/?ticket={await made.ticket()}")
        async with made.client.get(url, headers=at(1), allow_redirects=False) as answer:
            cookie = answer.headers["Set-Cookie"]
            assert all(word in cookie for word in (f"{COOKIE}=", "Secure", "HttpOnly", "Path=/;"))
        secret = cookie.partition(";")[0]
        seen = []
        for host in ("job-1.view.example", "view.example", "127.0.0.1"):
            async with made.client.get(made.url("/x"), headers={"Host": host, "Cookie": secret}) as answer:
                seen.append(answer.status)
        assert seen == [200, 401, 401]


@pytest.mark.parametrize("with_token", [True, False])
async def test_another_jobs_path_is_refused_at_a_jobs_own_origin(with_token: bool) -> None:
    async with open_stage() as made:
        headers = at(2) | ({"X-Auth-Token": made.token} if with_token else {})
        async with made.client.get(made.url("/x", job_id=1), headers=headers) as answer:
            assert answer.status == 421


@pytest.mark.parametrize("job_id", [1, 99], ids=["there", "not there"])
async def test_a_person_at_another_jobs_path_sees_a_page_that_tells_nothing_of_it(job_id: int) -> None:
    async with open_stage() as made:
        headers = {**PERSON, **at(2)}
        async with made.client.get(made.url("/x", job_id=job_id), headers=headers) as answer:
            text = (await answer.read()).decode()
            assert (answer.status, "This address is mixed up" in text) == (421, True)
            assert "run-" not in text


@pytest.mark.parametrize(("job_id", "leads_to"), [(1, "/jobs/1"), (99, "/jobs/99")])
async def test_the_root_of_a_jobs_origin_leads_to_its_page_on_the_console(job_id: int, leads_to: str) -> None:
    async with open_stage() as made:
        headers = {**PERSON, **at(job_id)}
        async with made.client.get(f"{made.origin}/", headers=headers, allow_redirects=False) as answer:
            assert answer.headers["Location"] == f"http://console.example:8080{leads_to}"


@pytest.mark.parametrize("rest", ["/x", "/nothing/at/all", "/_belvedere/state"])
async def test_browsers_are_told_to_come_by_https_alone(rest: str) -> None:
    async with open_stage() as made:
        headers = {**at(1), "Cookie": f"{COOKIE}={await made.session()}"}
        async with made.client.get(made.url(rest), headers=headers) as answer:
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


ASSETS = {"Host": "assets.view.example"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_the_files_of_all_jobs_are_only_read(method: str) -> None:
    async with open_stage() as made:
        for path in (f"{made.origin}/_belvedere/assets/x.js", made.url("/x")):
            async with made.client.request(method, path, headers=ASSETS) as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def signed_in(made: Stage) -> str:
    return f"{COOKIE}={await made.session()}"


async def shared_script(made: Stage) -> str:
    """Where a page of a job is told to get its viewer's script."""
    await made.loaded()
    headers = {**at(1), "Cookie": await signed_in(made), "Sec-Fetch-Dest": "script", "Sec-Fetch-Site": "same-origin"}
    async with made.client.get(made.url("/index.js"), headers=headers, allow_redirects=False) as answer:
        assert answer.status == 307
        return answer.headers["Location"]


async def test_a_page_gets_its_viewers_files_from_an_origin_that_has_them_for_all_jobs() -> None:
    async with open_stage() as made:
        origin, _, path = (await shared_script(made)).partition("/_belvedere/")
        assert origin == "https://assets.view.example"
        async with made.client.get(f"{made.origin}/_belvedere/{path}", headers=ASSETS) as answer:
            assert answer.status == 200
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-site"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "immutable" in answer.headers["Cache-Control"]


async def test_so_does_a_style_sheet_that_asks_at_the_root() -> None:
    async with open_stage() as made:
        await made.loaded()
        font = "/font-roboto/vPcynSL0qHq_6dX7lKVByXYhjbSpvc47ee6xR_80Hnw.woff2"
        headers = {**at(1), "Sec-Fetch-Dest": "font", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        async with made.client.get(f"{made.origin}{font}", headers=headers, allow_redirects=False) as answer:
            assert answer.headers["Location"].startswith("https://assets.view.example/_belvedere/assets/tensorboard-")
        async with made.client.get(f"{made.origin}{font}", headers=at(1), allow_redirects=False) as answer:
            assert answer.status == 200


async def test_what_a_script_fetches_stays_on_the_jobs_origin() -> None:
    async with open_stage() as made:
        await made.loaded()
        headers = {**at(1), "Cookie": await signed_in(made), "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}
        async with made.client.get(made.url("/index.js"), headers=headers, allow_redirects=False) as answer:
            assert answer.headers["Location"].startswith("/_belvedere/")


async def test_the_origin_of_files_shows_no_job_to_anybody() -> None:
    async with open_stage() as made:
        for more in ({"X-Auth-Token": made.token}, {"Cookie": await signed_in(made)}, PERSON):
            url = made.url("/x?ticket=1")
            async with made.client.get(url, headers={**ASSETS, **more}, allow_redirects=False) as answer:
                assert answer.status == 421


async def test_a_cookie_that_another_jobs_script_sets_for_the_whole_site_does_not_sign_anybody_out() -> None:
    async with open_stage() as made:
        own = await signed_in(made)
        for planted in (f"{COOKIE}=planted; {own}", f"{own}; {COOKIE}=planted"):
            async with made.client.get(made.url("/x"), headers={**at(1), "Cookie": planted}) as answer:
                assert answer.status == 200
