"""Bytes both ways, against a real viewer-like server on a unix socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from belvedere.gateway import bodies
from tests.support.gateway import Handler, Stage, job, stage, upstream


@contextlib.asynccontextmanager
async def viewer(handler: Handler) -> AsyncIterator[Stage]:
    async with stage(patience=0.2) as made, upstream(made.folder / "viewer.sock", handler):
        made.ready()
        made.client.headers["X-Auth-Token"] = made.token
        yield made


async def echo(request: web.BaseRequest) -> web.Response:
    body = await request.read()
    headers = {
        "X-Path": request.raw_path,
        "X-Method": request.method,
        "X-Encoding": request.headers.get("Content-Encoding", ""),
    }
    headers["X-Seen"] = ",".join(sorted(name.lower() for name in request.headers))
    headers["X-Cookie"] = request.headers.get("Cookie", "")
    return web.Response(body=body, headers=headers)


async def test_path_and_query_pass_byte_for_byte() -> None:
    rest = "/data/%7Euser/a%2Fb?tag=loss%2Ftrain+x&&run=&%C3%A4=%20"
    async with viewer(echo) as made, made.client.get(made.url(rest)) as answer:
        assert answer.headers["X-Path"] == made.url(rest).raw_path_qs


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_methods_and_bodies_pass(method: str) -> None:
    async with viewer(echo) as made, made.client.request(method, made.url("/x"), data=b"\x00\xff" * 5000) as answer:
        assert answer.headers["X-Method"] == method
        assert await answer.read() == b"\x00\xff" * 5000


async def test_a_compressed_body_stays_compressed() -> None:
    async with viewer(echo) as made:
        headers = {"Content-Encoding": "gzip"}
        async with made.client.post(made.url("/x"), data=b"\x1f\x8bnot really", headers=headers) as answer:
            assert await answer.read() == b"\x1f\x8bnot really"
            assert answer.headers["X-Encoding"] == "gzip"


async def test_a_body_in_pieces_reaches_the_viewer_whole_and_with_its_length() -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in (b"one", b"two"):
            yield piece

    async def measure(request: web.BaseRequest) -> web.Response:
        return web.Response(body=str(request.content_length).encode() + await request.read())

    async with viewer(measure) as made, made.client.post(made.url("/x"), data=body()) as answer:
        assert await answer.read() == b"6onetwo"


async def test_our_secrets_never_reach_the_viewer() -> None:
    async with viewer(echo) as made:
        session = await made.session()
        headers = {
            "Authorization": "Bearer x",
            "Cookie": f"_xsrf=1; belvedere_viewer={session}; belvedere_console=c; theme=dark",
        }
        async with made.client.get(made.url("/x"), headers=headers) as answer:
            seen = answer.headers["X-Seen"].split(",")
            assert "x-auth-token" not in seen
            assert "authorization" not in seen
            assert answer.headers["X-Cookie"] == "_xsrf=1; theme=dark"


async def test_a_body_that_does_not_come_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.1)

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(30)

    async with viewer(echo) as made, made.client.post(made.url("/x"), data=body()) as answer:
        assert answer.status == 408


async def test_head_has_the_length_and_no_body() -> None:
    async def fixed(_request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"12345", headers={"ETag": '"v1"'})

    async with viewer(fixed) as made, made.client.head(made.url("/x")) as answer:
        assert (answer.headers["Content-Length"], answer.headers["ETag"]) == ("5", '"v1"')
        assert await answer.read() == b""


async def test_not_modified_and_ranges_pass() -> None:
    async def conditional(request: web.BaseRequest) -> web.Response:
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304, headers={"ETag": '"v1"'})
        assert request.headers["Range"] == "bytes=1-2"
        return web.Response(status=206, body=b"23", headers={"Content-Range": "bytes 1-2/5"})

    async with viewer(conditional) as made:
        async with made.client.get(made.url("/x"), headers={"If-None-Match": '"v1"'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with made.client.get(made.url("/x"), headers={"Range": "bytes=1-2"}) as answer:
            assert (answer.status, answer.headers["Content-Range"]) == (206, "bytes 1-2/5")


async def test_no_content_passes() -> None:
    async def nothing(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=204)

    async with viewer(nothing) as made, made.client.post(made.url("/x")) as answer:
        assert (answer.status, await answer.read()) == (204, b"")


async def test_expect_continue_is_answered() -> None:
    async with viewer(echo) as made, made.client.post(made.url("/x"), data=b"body", expect100=True) as answer:
        assert await answer.read() == b"body"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_viewer_that_dies_amid_its_answer_leaves_no_whole_looking_one(chunked: bool) -> None:
    async def dying(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={} if chunked else {"Content-Length": "100000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with viewer(dying) as made:
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
            async with made.client.get(made.url("/x")) as answer:
                await answer.read()


async def test_a_browser_that_hangs_up_ends_the_viewers_work() -> None:
    ended = asyncio.Event()

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionError:
            ended.set()
            raise

    async with viewer(endless) as made:
        async with made.client.get(made.url("/x")) as answer:
            await answer.content.readexactly(10)
            answer.close()
        await asyncio.wait_for(ended.wait(), timeout=30)


async def test_a_slow_browser_holds_the_viewer_back() -> None:
    written = 0

    async def generous(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2000):
            await response.write(b"x" * 65536)
            written += 65536
        return response

    async with viewer(generous) as made, made.client.get(made.url("/x")) as answer:
        before = -1
        while written != before:
            before = written
            await asyncio.sleep(0.2)
        assert written < 2000 * 65536
        assert len(await answer.read()) == 2000 * 65536


async def test_a_stale_kept_connection_is_replaced_unseen() -> None:
    async def closing(request: web.BaseRequest) -> web.Response:
        response = web.Response(text="ok")
        await response.prepare(request)
        await response.write_eof()
        assert request.transport is not None
        request.transport.abort()
        return response

    async with viewer(closing) as made:
        for _ in range(5):
            async with made.client.get(made.url("/x")) as answer:
                assert await answer.text() == "ok"


async def test_a_viewer_that_hangs_up_unasked_is_a_bad_gateway() -> None:
    async def rude(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with viewer(rude) as made, made.client.get(made.url("/x")) as answer:
        assert answer.status == 502
        assert (await answer.json())["error_code"] == "ModelArts.6101"


@pytest.mark.parametrize(
    "path",
    [
        "/data/environment",
        "/data/%65nvironment",
        "/data/environment/",
        "/experiment/e/data/environment?x=1",
        "/data/environment;x",
        "/data/environment%3bdebug",
        "/data/environment%3Fx",
        "/data/environment%23x",
    ],
)
async def test_environment_tells_no_command_line(path: str) -> None:
    async def tell(request: web.BaseRequest) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.json_response({"version": "2.21.0", "debug": {"flags": {"logdir": "/secret"}}})

    async with viewer(tell) as made, made.client.get(made.url(path)) as answer:
        assert await answer.json() == {"version": "2.21.0"}


async def test_the_environment_names_the_logs_as_their_owner_did() -> None:
    async def tell(_request: web.BaseRequest) -> web.Response:
        return web.json_response({"data_location": "/secret/mirrors/1/logs"})

    async with viewer(tell) as made, made.client.get(made.url("/data/environment")) as answer:
        assert await answer.json() == {"data_location": job().train_url}


async def test_an_environment_that_cannot_be_read_is_not_shown() -> None:
    async def odd(_request: web.BaseRequest) -> web.Response:
        return web.Response(body=b'{"debug": "/secret"', content_type="application/json")

    async with viewer(odd) as made, made.client.get(made.url("/data/environment")) as answer:
        assert await answer.json() == {}


async def test_headers_of_the_answer_are_confined_to_the_job() -> None:
    async def wide(_request: web.BaseRequest) -> web.Response:
        headers = {
            "Content-Security-Policy": "default-src 'self'",
            "X-Frame-Options": "DENY",
            "Location": "/experiment/x/",
        }
        response = web.Response(status=302, headers=headers)
        response.headers.add("Set-Cookie", "a=1; Path=/; Domain=example.com; HttpOnly")
        response.headers.add("Set-Cookie", "belvedere_viewer=stolen; Path=/")
        return response

    async with viewer(wide) as made, made.client.get(made.url("/x"), allow_redirects=False) as answer:
        prefix = made.url("").raw_path
        assert answer.headers["Location"] == f"{prefix}/experiment/x/"
        assert answer.headers.getall("Set-Cookie") == [f"a=1; HttpOnly; Path={prefix}/"]
        assert answer.headers.getall("Content-Security-Policy") == [
            "default-src 'self'",
            "frame-ancestors 'self' http://console.example:8080",
        ]
        assert "X-Frame-Options" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


async def test_requests_are_told_to_the_observer() -> None:
    async with viewer(echo) as made:
        async with made.client.get(made.url("/x")) as answer:
            await answer.read()
        async with made.client.get(f"{made.origin}/elsewhere") as answer:
            await answer.read()
        assert made.told == [(1, 200), (None, 404)]


async def test_who_finds_all_places_taken_hears_so_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.gateway.upstream.MOST", 1)
    monkeypatch.setattr("belvedere.gateway.places.LIMIT", 0.05)
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.BaseRequest) -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response()

    async with viewer(slow) as made:
        first = asyncio.create_task(made.client.get(made.url("/x")).__aenter__())
        await arrived.wait()
        async with made.client.get(made.url("/y")) as answer:
            assert answer.status == 503
        release.set()
        assert (await first).status == 200
