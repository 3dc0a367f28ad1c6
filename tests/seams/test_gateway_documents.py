"""Pages on their way through the gateway, and viewers that stand under another prefix than the public one."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from msgspec.structs import replace

from belvedere.lifecycle.seen import Endpoint, Phase, Seen
from tests.support.gateway import Handler, Stage, job, stage, upstream

PERSON = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html", "Accept-Encoding": "gzip, br"}
PAGE = b"<!doctype html><title>Curves</title>" + b"<p>x</p>" * 1000


@contextlib.asynccontextmanager
async def viewer(handler: Handler, *, inner: str | None = None) -> AsyncIterator[Stage]:
    async with stage(patience=0.2) as made, upstream(made.folder / "viewer.sock", handler):
        endpoint = Endpoint(socket=str(made.folder / "viewer.sock"), prefix=inner)
        made.put(job(), Seen(phase=Phase.READY, attempt=1, endpoint=endpoint))
        made.client.headers["X-Auth-Token"] = made.token
        yield made


async def page(request: web.BaseRequest) -> web.Response:
    headers = {"ETag": '"v1"', "X-Encoding": request.headers.get("Accept-Encoding", "")}
    return web.Response(body=PAGE, content_type="text/html", headers=headers)


async def test_a_visited_page_bears_the_script_and_is_compressed() -> None:
    async with viewer(page) as made, made.client.get(made.url("/"), headers=PERSON) as answer:
        assert (answer.headers["X-Encoding"], answer.headers["Content-Encoding"]) == ("identity", "gzip")
        text = gzip.decompress(await answer.read())
        assert text.startswith(PAGE + b'<script src="/_belvedere/static/presence.')
        assert answer.headers["ETag"] != '"v1"'


async def test_a_page_that_is_known_is_not_sent_again() -> None:
    async with viewer(page) as made:
        async with made.client.get(made.url("/"), headers=PERSON) as answer:
            etag = answer.headers["ETag"]
        async with made.client.get(made.url("/"), headers=PERSON | {"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


async def test_what_a_script_asks_for_stays_as_it_is() -> None:
    async with viewer(page) as made, made.client.get(made.url("/")) as answer:
        assert (await answer.read(), answer.headers["ETag"]) == (PAGE, '"v1"')


async def test_a_very_long_page_streams_and_ends_with_the_script() -> None:
    later = asyncio.Event()

    async def long(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html", "Content-Length": str(3 * 2**20)})
        await response.prepare(request)
        await response.write(b"x" * 2**21)
        await later.wait()
        await response.write(b"y" * 2**20)
        return response

    async with viewer(long) as made, made.client.get(made.url("/"), headers=PERSON) as answer:
        assert await answer.content.readexactly(2**20) == b"x" * 2**20
        later.set()
        rest = await answer.read()
        assert rest[2**20 :].startswith(b"y" * 2**20 + b"<script src=")


async def test_a_page_cut_short_is_no_page() -> None:
    async def dying(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html", "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with viewer(dying) as made, made.client.get(made.url("/"), headers=PERSON) as answer:
        assert answer.status == 503
        assert "half" not in await answer.text()


@pytest.mark.parametrize(("inner", "expected"), [(None, None), ("", "/data/x"), ("/own", "/own/data/x")])
async def test_the_viewer_is_asked_under_its_own_prefix(inner: str | None, expected: str | None) -> None:
    async def tell(request: web.BaseRequest) -> web.Response:
        headers = {"Location": f"{inner or ''}/elsewhere?x=1", "X-Path": request.raw_path}
        headers["Set-Cookie"] = f"a=1; Path={inner or ''}/deep/"
        return web.Response(status=302, headers=headers)

    async with viewer(tell, inner=inner) as made:
        url = made.url("/data/x?tag=a%2Fb")
        async with made.client.get(url, allow_redirects=False) as answer:
            assert answer.headers["X-Path"] == (f"{expected}?tag=a%2Fb" if expected else url.raw_path_qs)
            assert answer.headers["Location"] == made.url("/elsewhere?x=1").raw_path_qs


async def test_jobs_that_share_a_viewer_keep_their_own_urls() -> None:
    async def tell(request: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": "/next", "X-Path": request.raw_path})

    async with viewer(tell, inner="") as made:
        seen = made.board.get(1)
        assert seen is not None
        made.put(replace(job(2)), seen.seen)
        for job_id in (1, 2):
            async with made.client.get(made.url("/data/x", job_id=job_id), allow_redirects=False) as answer:
                assert answer.headers["X-Path"] == "/data/x"
                assert answer.headers["Location"] == made.url("/next", job_id=job_id).raw_path
