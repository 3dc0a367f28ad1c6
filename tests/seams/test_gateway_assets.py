"""Files of a viewer that the gateway serves in its place."""

import gzip

import pytest
from aiohttp import web
from yarl import URL

from belvedere.lifecycle.jobs import Intent
from tests.support.gateway import Stage, job, stage, upstream


async def signed_in(made: Stage, job_id: int = 1) -> None:
    made.client.headers["Cookie"] = f"belvedere_viewer={await made.session(job_id)}"
    made.put(job())
    await made.loaded()


async def test_browsers_of_all_jobs_are_led_to_one_file_and_keep_it() -> None:
    async with stage() as made:
        await made.loaded()
        found = set()
        for job_id in (1, 2):
            await signed_in(made, job_id)
            made.put(job(job_id))
            async with made.client.get(made.url("/index.js?_file_hash=1", job_id=job_id), allow_redirects=False) as led:
                assert led.status == 307
                found.add(led.headers["Location"])
        assert len(found) == 1
        async with made.client.get(URL(made.origin + found.pop(), encoded=True)) as answer:
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert len(gzip.decompress(await answer.read())) > 1_000_000


async def test_who_takes_no_gzip_gets_the_file_itself() -> None:
    async with stage() as made:
        await signed_in(made)
        async with made.client.get(made.url("/icon_bundle.svg"), headers={"Accept-Encoding": "identity"}) as answer:
            assert (await answer.read()).startswith(b"<?xml")
            assert answer.content_type == "image/svg+xml"


async def test_a_shared_file_holds_nothing_and_needs_no_session() -> None:
    async with stage() as made:
        await signed_in(made)
        async with made.client.get(made.url("/index.js"), allow_redirects=False) as led:
            shared = made.origin + led.headers["Location"]
        made.client.headers.popall("Cookie")
        async with made.client.get(shared) as answer:
            assert answer.status == 200


async def test_a_script_gets_the_file_in_its_place_though_the_viewer_sleeps() -> None:
    async with stage() as made:
        await signed_in(made)
        made.asleep()
        made.client.headers.popall("Cookie")
        async with made.client.head(made.url("/index.js"), headers={"X-Auth-Token": made.token}) as answer:
            assert (answer.status, answer.content_type) == (200, "text/javascript")


@pytest.mark.parametrize("path", ["/_belvedere/assets/tensorboard-0/index.js", "/_belvedere/assets/", "/nothing.js"])
async def test_no_other_path_finds_a_file(path: str) -> None:
    async with stage() as made:
        await made.loaded()
        async with made.client.get(made.origin + path, headers={"X-Auth-Token": made.token}) as answer:
            assert answer.status == 404


async def test_a_job_that_is_over_has_no_files_either() -> None:
    async with stage() as made:
        await signed_in(made, job_id=2)
        made.put(job(2, intent=Intent.STOP))
        async with made.client.get(made.url("/index.js", job_id=2), allow_redirects=False) as answer:
            assert answer.status == 409


async def test_the_main_page_names_its_script_by_the_shared_path() -> None:
    async def index(_request: web.BaseRequest) -> web.Response:
        return web.Response(text='<p>x</p><script src="index.js?_file_hash=1"></script>', content_type="text/html")

    async with stage() as made, upstream(made.folder / "viewer.sock", index):
        await signed_in(made)
        made.ready()
        for rest, is_shared in (("/", True), ("/data/plugin_entry.html", False)):
            headers = {"Sec-Fetch-Mode": "navigate", "Accept-Encoding": "identity"}
            async with made.client.get(made.url(rest), headers=headers) as answer:
                assert ("/_belvedere/assets/tensorboard-" in await answer.text()) is is_shared
