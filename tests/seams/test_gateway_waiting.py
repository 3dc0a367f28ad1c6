"""What a job's URL shows while there is no viewer, and how it becomes one."""

import asyncio

import pytest
from aiohttp import web

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import Intent, Job
from belvedere.lifecycle.seen import Phase, Seen
from tests.support.gateway import COPYING, NO_BUCKET, STARTING, STOPPED, Stage, job, stage, upstream

PERSON = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
NOTHING = Reason(code=ReasonCode.NOTHING_TO_SHOW, text="No event files yet; 1 other file: train.log.")


async def hello(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="viewer")


def sign_in(made: Stage) -> None:
    made.client.headers["X-Auth-Token"] = made.token


async def test_a_script_waits_and_gets_the_viewer() -> None:
    async with stage() as made:
        sign_in(made)
        made.put(job(run=STARTING))
        asking = asyncio.create_task(made.client.post(made.url("/x"), data=b"body").__aenter__())
        await asyncio.sleep(0.05)
        assert not asking.done()
        async with upstream(made.folder / "viewer.sock", hello):
            made.ready()
            answer = await asking
            assert (answer.status, await answer.text()) == (200, "viewer")


async def test_a_script_waits_for_a_viewer_that_is_said_to_be_up() -> None:
    async with stage() as made:
        sign_in(made)
        made.ready()
        asking = asyncio.create_task(made.client.get(made.url("/x")).__aenter__())
        await asyncio.sleep(0.05)
        async with upstream(made.folder / "viewer.sock", hello):
            assert (await asking).status == 200


async def test_a_scripts_patience_ends_with_503_and_when_to_return() -> None:
    async with stage(patience=0.05) as made:
        sign_in(made)
        made.put(job(run=STARTING), Seen(phase=Phase.STARTING, attempt=1))
        async with made.client.get(made.url("/x")) as answer:
            body = await answer.json()
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert (body["is_success"], body["error_code"]) == (False, "ModelArts.6101")
            assert body["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("a_job", "status"), [(job(run=STOPPED), 12), (job(run=NO_BUCKET), 22), (job(intent=Intent.STOP), 9)]
)
async def test_a_script_gets_409_at_once_for_a_job_that_is_over(a_job: Job, status: int) -> None:
    async with stage() as made:
        sign_in(made)
        made.put(a_job)
        async with made.client.get(made.url("/x")) as answer:
            assert answer.status == 409
            assert (await answer.json())["error_msg"].startswith(f"This job can't be open. job status: {status}. ")


async def test_a_job_deleted_while_a_script_waits_is_gone() -> None:
    async with stage() as made:
        sign_in(made)
        made.put(job(run=STARTING))
        asking = asyncio.create_task(made.client.get(made.url("/x")).__aenter__())
        await asyncio.sleep(0.05)
        made.board.forget(1)
        assert (await asking).status == 404


async def test_a_job_known_to_the_database_alone_is_found() -> None:
    async with stage() as made:
        sign_in(made)
        made.jobs[1] = job(run=STOPPED)
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            assert answer.status == 409
            assert "This job was stopped" in await answer.text()


async def test_a_person_sees_progress_at_once() -> None:
    async with stage() as made:
        sign_in(made)
        made.put(job(run=STARTING), Seen(phase=Phase.STARTING, attempt=1, source=COPYING))
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            text = await answer.text()
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "12 of 40 files, 31 MB of 114 MB" in text
            assert "<script>" not in text
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-store"


async def test_a_name_cannot_break_out_of_the_page() -> None:
    async with stage() as made:
        sign_in(made)
        reason = Reason(code=ReasonCode.NO_CAPACITY, text='<img src=x onerror="alert(1)">')
        made.put(job(run=STARTING), Seen(phase=Phase.WAITING, attempt=1, reason=reason))
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            assert "<img" not in await answer.text()


async def test_the_state_is_told_at_once_and_then_when_it_changes() -> None:
    async with stage() as made:
        sign_in(made)
        made.put(job(run=STARTING), Seen(phase=Phase.STARTING, attempt=1))
        async with made.client.get(made.url("/_belvedere/state")) as answer:
            first = await answer.json()
        assert first["view"]["standing"] == "coming"
        asking = asyncio.create_task(made.client.get(made.url(f"/_belvedere/state?seen={first['seen']}")).__aenter__())
        await asyncio.sleep(0.05)
        assert not asking.done()
        made.put(job(run=STARTING), Seen(phase=Phase.STARTING, attempt=1, source=COPYING))
        second = await (await asking).json()
        assert second["view"]["detail"] == "12 of 40 files, 31 MB of 114 MB"


async def test_page_and_state_agree_while_nobody_listens() -> None:
    async with stage(poll=0.05) as made:
        sign_in(made)
        for reason in (None, NOTHING):
            made.ready(reason=reason)
            async with made.client.get(made.url("/"), headers=PERSON) as answer:
                assert 'data-standing="coming"' in await answer.text()
            async with made.client.get(made.url("/_belvedere/state")) as answer:
                assert (await answer.json())["view"]["standing"] == "coming"


async def test_nothing_to_show_is_a_page_for_people_and_the_viewer_for_scripts() -> None:
    async with stage() as made, upstream(made.folder / "viewer.sock", hello):
        sign_in(made)
        made.ready(reason=NOTHING)
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            text = await answer.text()
            assert answer.status == 200
            assert "1 other file: train.log" in text
        for url, headers in (
            (made.url("/?belvedere=anyway"), PERSON),
            (made.url("/other.html"), PERSON),
            (made.url("/"), {}),
        ):
            async with made.client.get(url, headers=headers) as answer:
                assert await answer.text() == "viewer"


async def test_the_viewer_is_shown_as_soon_as_it_answers() -> None:
    async with stage() as made, upstream(made.folder / "viewer.sock", hello):
        sign_in(made)
        made.ready()
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            assert (answer.status, await answer.text()) == (200, "viewer")


async def test_a_missing_slash_is_added_and_the_query_kept() -> None:
    async with stage() as made:
        sign_in(made)
        made.put(job())
        async with made.client.get(made.url("?a=1"), allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (308, made.url("/?a=1").raw_path_qs)


async def test_a_restarted_viewer_is_found_at_its_new_socket() -> None:
    async with stage() as made:
        sign_in(made)
        for name in ("one.sock", "two.sock"):
            async with upstream(made.folder / name, hello):
                made.ready(socket=name)
                async with made.client.get(made.url("/x")) as answer:
                    assert answer.status == 200
