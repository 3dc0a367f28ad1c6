"""A sleeping viewer: who wakes it, who doesn't, and what each gets meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from belvedere.identity.records import SecretKind
from tests.support.gateway import OTHER_PROJECT, PROJECT, Stage, job, stage, upstream

PERSON = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
POLL = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}


async def hello(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="viewer")


@contextlib.asynccontextmanager
async def sleeping(*, hold: float = 30, linger: float = 0.05) -> AsyncIterator[Stage]:
    """A job whose viewer sleeps, and answers as soon as `made.ready()` is called; a browser that is signed in."""
    async with stage(hold=hold, linger=linger) as made, upstream(made.folder / "viewer.sock", hello):
        made.put(job())
        made.asleep()
        made.client.headers["Cookie"] = f"belvedere_viewer={await made.session()}"
        yield made


async def test_a_visit_wakes_it_and_becomes_the_viewer_without_another_page() -> None:
    async with sleeping() as made:
        made.on_use = made.ready
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            assert (answer.status, await answer.text()) == (200, "viewer")
        assert made.used == [1]


async def test_a_wake_that_takes_longer_is_told_to_the_person() -> None:
    async with sleeping(hold=0.05) as made, made.client.get(made.url("/"), headers=PERSON) as answer:
        text = await answer.text()
        assert answer.status == 503
        assert "Waking the viewer" in text
        assert "presence." in text


async def test_a_scripts_request_wakes_it_and_is_answered() -> None:
    async with sleeping() as made:
        made.on_use = made.ready
        made.client.headers.popall("Cookie")
        async with made.client.get(made.url("/data/runs"), headers={"X-Auth-Token": made.token}) as answer:
            assert (answer.status, await answer.text()) == (200, "viewer")
        assert made.used == [1]


async def test_a_hidden_tabs_polling_lets_it_sleep() -> None:
    async with sleeping() as made:
        async with made.client.get(made.url("/data/runs"), headers=POLL) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "sleeps" in (await answer.json())["error_msg"]
        assert made.used == []


async def test_a_pages_request_gets_through_when_its_page_is_looked_at_meanwhile() -> None:
    async with sleeping(linger=30) as made:
        made.on_use = made.ready
        polling = asyncio.create_task(made.client.get(made.url("/data/runs"), headers=POLL).__aenter__())
        await asyncio.sleep(0.05)
        async with made.client.post(made.url("/_belvedere/present"), headers=POLL) as answer:
            assert answer.status == 204
        assert await (await polling).text() == "viewer"
        assert made.used == [1]


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}])
async def test_another_site_cannot_say_that_somebody_looks(headers: dict[str, str]) -> None:
    async with sleeping() as made:
        async with made.client.post(made.url("/_belvedere/present"), headers=headers) as answer:
            assert answer.status == 403
        assert made.used == []


async def test_strangers_and_other_projects_wake_nothing() -> None:
    async with sleeping() as made:
        made.client.headers.popall("Cookie")
        other = await made.secret(SecretKind.TOKEN, OTHER_PROJECT)
        for headers in ({}, {"X-Auth-Token": other}):
            for project_id in (PROJECT, OTHER_PROJECT):
                present = made.url("/_belvedere/present", project_id=project_id)
                async with made.client.post(present, headers=headers | POLL) as answer:
                    assert answer.status in {401, 404}
        assert made.used == []


async def test_being_looked_at_is_told_while_it_is_awake_too() -> None:
    async with sleeping() as made:
        made.ready()
        async with made.client.get(made.url("/data/runs"), headers=POLL) as answer:
            assert answer.status == 200
        assert made.used == []
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            assert answer.status == 200
        async with made.client.post(made.url("/_belvedere/present"), headers=POLL) as answer:
            assert answer.status == 204
        assert made.used == [1, 1]


async def test_the_waiting_pages_question_wakes_nothing() -> None:
    async with sleeping() as made:
        async with made.client.get(made.url("/_belvedere/state"), headers=POLL) as answer:
            assert (await answer.json())["view"]["title"] == "Waking the viewer"
        assert made.used == []


async def test_a_viewer_that_falls_asleep_just_then_is_woken_again() -> None:
    async with sleeping() as made:
        made.ready(socket="gone.sock")
        visiting = asyncio.create_task(made.client.get(made.url("/"), headers=PERSON).__aenter__())
        await asyncio.sleep(0.05)
        made.on_use = made.ready
        made.asleep()
        answer = await visiting
        assert (answer.status, await answer.text(), made.used) == (200, "viewer", [1, 1])


async def test_a_script_wakes_a_viewer_that_falls_asleep_just_then() -> None:
    async with sleeping() as made:
        made.client.headers.popall("Cookie")
        made.ready(socket="gone.sock")
        asking = asyncio.create_task(
            made.client.get(made.url("/data/runs"), headers={"X-Auth-Token": made.token}).__aenter__()
        )
        await asyncio.sleep(0.05)
        made.on_use = made.ready
        made.asleep()
        assert await (await asking).text() == "viewer"
