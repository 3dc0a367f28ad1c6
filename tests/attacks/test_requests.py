"""Requests whose meaning depends on who reads them: to the gateway, and to the API."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from belvedere.server.serving import listen, serving_asgi
from tests.support.gateway import Stage, job, stage, upstream
from tests.support.raw import exchange, statuses

HOST = "Host: 127.0.0.1\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
SECOND = f"GET /smuggled HTTP/1.1\r\n{HOST}\r\n"

# What follows the job's prefix, by somebody who may see this job: none of it may reach a viewer, its own or another.
PATHS = {
    "up to another job": "/../2/",
    "up to another job, encoded": "/%2e%2e/2/",
    "up to another job, half encoded": "/.%2e/2/",
    "up to another job, in capitals": "/%2E%2E/2/",
    "up to another job by an encoded slash": "/..%2f2/",
    "up to another job by an encoded slash after a name": "/x%2f..%2f..%2f2/",
    "up to another job by a backslash": "/..\\2/",
    "up to another job by an encoded backslash": "/..%5c2/",
    "up out of the origin": "/../../../../etc/passwd",
    "an empty segment": "//x",
    "an empty segment before a host": "//evil.example/",
    "a segment that is a dot": "/./x",
    "a NUL": "/%00",
    "a line break and a header": "/%0d%0aX-Auth-Token:%20x",
    "a broken escape": "/%zz",
    "an escape that ends too soon": "/%2",
    "a fragment": "/x#/../2/",
    "a raw NUL": "/\x00",
    "a raw letter beyond ASCII": "/\xe9",
}

# Whole heads, with a token that is good; `SECOND` is what would be read as another request.
SMUGGLED = {
    "two lengths that differ": "POST {path} HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "two lengths in one header": "POST {path} HTTP/1.1\r\n{host}Content-Length: 0, 44\r\n\r\n",
    "a length beside chunks": "POST {path} HTTP/1.1\r\n{host}Content-Length: 6\r\n{chunked}\r\n0\r\n\r\n",
    "chunks beside a length": "POST {path} HTTP/1.1\r\n{host}{chunked}Content-Length: 6\r\n\r\n0\r\n\r\n",
    "a coding that is nearly chunked": "POST {path} HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding after chunked": "POST {path} HTTP/1.1\r\n{host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "two codings that differ": ("POST {path} HTTP/1.1\r\n{host}{chunked}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    "a blank before the colon": "POST {path} HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a coding after a vertical tab": "POST {path} HTTP/1.1\r\n{host}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded header": "POST {path} HTTP/1.1\r\n{host}X-A: b\r\n Content-Length: 44\r\n\r\n",
    "a length with a sign": "POST {path} HTTP/1.1\r\n{host}Content-Length: +44\r\n\r\n",
    "a length below zero": "POST {path} HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n",
    "a length in hexadecimal": "POST {path} HTTP/1.1\r\n{host}Content-Length: 0x2c\r\n\r\n",
    "a length beyond all bounds": "POST {path} HTTP/1.1\r\n{host}Content-Length: 99999999999999999999999\r\n\r\n",
    "a chunk size with a sign": "POST {path} HTTP/1.1\r\n{host}{chunked}\r\n+0\r\n\r\n",
    "a chunk size in hexadecimal notation": "POST {path} HTTP/1.1\r\n{host}{chunked}\r\n0x0\r\n\r\n",
    "a chunk size beyond all bounds": ("POST {path} HTTP/1.1\r\n{host}{chunked}\r\nfffffffffffffffff\r\n\r\n"),
    "a bare line feed in a chunk": "POST {path} HTTP/1.1\r\n{host}{chunked}\r\n0\n\n",
    "a chunk without its end": "POST {path} HTTP/1.1\r\n{host}{chunked}\r\n1\r\naX0\r\n\r\n",
    "a header without a colon": "POST {path} HTTP/1.1\r\n{host}Content-Length 44\r\n\r\n",
    "a header without a name": "POST {path} HTTP/1.1\r\n{host}: 44\r\n\r\n",
    "a NUL in a header": "GET {path} HTTP/1.1\r\n{host}X-A: b\x00c\r\n\r\n",
    "a carriage return in a header": "GET {path} HTTP/1.1\r\n{host}X-A: b\rX-B: c\r\n\r\n",
    "another version of HTTP": "GET {path} HTTP/3.7\r\n{host}\r\n",
    "a method that is none": "G\x01T {path} HTTP/1.1\r\n{host}\r\n",
    "a line break in the target": "GET {path}\r\nX-A: b HTTP/1.1\r\n{host}\r\n",
}

TARGETS = {
    "an absolute target": "GET http://evil.example{path}/x HTTP/1.1\r\n{host}{token}\r\n",
    "an absolute target at our own name": "GET http://127.0.0.1{path}/x HTTP/1.1\r\n{host}{token}\r\n",
    "a target without a slash": "GET x{path} HTTP/1.1\r\n{host}{token}\r\n",
    "a target that is a star": "OPTIONS * HTTP/1.1\r\n{host}{token}\r\n",
    "a tunnel": "CONNECT 127.0.0.1:22 HTTP/1.1\r\n{host}{token}\r\n",
    "a trace of the headers": "TRACE {path}/x HTTP/1.1\r\n{host}{token}\r\n",
    "an upgrade to a web socket": (
        "GET {path}/x HTTP/1.1\r\n{host}{token}Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ),
    "an upgrade to HTTP/2": (
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    ),
    "no host": "GET {path}/x HTTP/1.1\r\n{token}\r\n",
    "two hosts": "GET {path}/x HTTP/1.1\r\n{host}Host: evil.example\r\n{token}\r\n",
    "twice the same host": "GET {path}/x HTTP/1.1\r\n{host}{host}{token}\r\n",
    "a rebound host": "GET {path}/x HTTP/1.1\r\nHost: evil.example\r\n{token}\r\n",
    "a host with our name before it": "GET {path}/x HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n{token}\r\n",
    "a host with our name as its user": "GET {path}/x HTTP/1.1\r\nHost: 127.0.0.1@evil.example\r\n{token}\r\n",
    "a host with a path": "GET {path}/x HTTP/1.1\r\nHost: evil.example/127.0.0.1\r\n{token}\r\n",
    "a forwarded host beside a rebound one": (
        "GET {path}/x HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: 127.0.0.1\r\n{token}\r\n"
    ),
    "a path in another header": (
        "GET / HTTP/1.1\r\n{host}X-Original-URL: {path}/x\r\nX-Rewrite-URL: {path}/x\r\n{token}\r\n"
    ),
    "a service worker": "GET {path}/x.js HTTP/1.1\r\n{host}Service-Worker: script\r\n{token}\r\n",
    "a body of gigabytes": "POST {path}/x HTTP/1.1\r\n{host}Content-Length: 9999999999\r\n{token}\r\n",
}  # fmt: skip


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[tuple[Stage, list[str]]]:
    """A gateway before two jobs' viewers, and what reached either of them."""
    reached: list[str] = []

    async def remember(request: web.BaseRequest) -> web.Response:
        reached.append(request.raw_path)
        return web.Response()

    async with stage(patience=0.1) as made, upstream(made.folder / "viewer.sock", remember):
        made.ready()
        made.ready(job(2))
        yield made, reached


def port_of(made: Stage) -> int:
    return int(made.origin.rpartition(":")[2])


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
async def test_no_path_leads_out_of_the_job(path: str) -> None:
    async with watched() as (made, reached):
        end = f"{HOST}X-Auth-Token: {made.token}\r\nConnection: close\r\n\r\n"
        head = f"GET {made.url('').raw_path}{path} HTTP/1.1\r\n{end}"
        answer = await exchange(port_of(made), head.encode("latin-1"))
        assert reached == []
        assert set(statuses(answer)) <= {400, 404}
        assert answer


@pytest.mark.parametrize("head", TARGETS.values(), ids=TARGETS)
async def test_no_target_and_no_name_is_taken_for_another(head: str) -> None:
    async with watched() as (made, reached):
        token = f"X-Auth-Token: {made.token}\r\nConnection: close\r\n"
        filled = head.format(path=made.url("").raw_path, host=HOST, token=token)
        answer = await exchange(port_of(made), filled.encode("latin-1"), patience=3)
        assert reached == []
        assert set(statuses(answer)) <= {400, 403, 404, 405, 413, 421}


@pytest.mark.parametrize("head", SMUGGLED.values(), ids=SMUGGLED)
async def test_no_second_request_is_smuggled_to_a_viewer(head: str) -> None:
    async with watched() as (made, reached):
        path = made.url("/x").raw_path
        start = head.format(path=path, host=f"{HOST}X-Auth-Token: {made.token}\r\n", chunked=CHUNKED)
        second = SECOND.replace("/smuggled", made.url("/smuggled").raw_path, 1)
        second = second.replace("\r\n\r\n", f"\r\nX-Auth-Token: {made.token}\r\n\r\n")
        answer = await exchange(port_of(made), (start + second).encode("latin-1"), patience=3)
        assert not any("smuggled" in path for path in reached)
        assert statuses(answer)[:1] in ([400], [413], [])


@pytest.mark.parametrize("head", SMUGGLED.values(), ids=SMUGGLED)
async def test_no_second_request_is_smuggled_to_the_api(head: str) -> None:
    reached: list[str] = []

    async def remember(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await PlainTextResponse("")(scope, receive, send)

    listener = listen("127.0.0.1", 0, "port")
    async with serving_asgi(remember, listener):
        sent = head.format(path="/x", host=HOST, chunked=CHUNKED) + SECOND
        await exchange(listener.getsockname()[1], sent.encode("latin-1"), patience=1)
    assert "/smuggled" not in reached


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity, chunked", "deflate,chunked"])
async def test_no_body_reaches_a_viewer_without_its_coding(coding: str) -> None:
    async with watched() as (made, reached):
        token = f"{HOST}X-Auth-Token: {made.token}\r\n"
        head = f"POST {made.url('/x').raw_path} HTTP/1.1\r\n{token}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"
        answer = await exchange(port_of(made), head.encode(), patience=3)
        assert (statuses(answer) in ([501], [400]), reached) == (True, [])


async def test_a_second_request_after_a_whole_one_is_read_as_one() -> None:
    """Else the tests above would see nothing, whatever happened."""
    reached: list[str] = []

    async def remember(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await PlainTextResponse("")(scope, receive, send)

    listener = listen("127.0.0.1", 0, "port")
    async with serving_asgi(remember, listener), watched() as (made, passed):
        await exchange(listener.getsockname()[1], f"GET /x HTTP/1.1\r\n{HOST}\r\n{SECOND}".encode(), patience=1)
        token = f"{HOST}X-Auth-Token: {made.token}\r\n"
        first, second = (f"GET {made.url(rest).raw_path} HTTP/1.1\r\n{token}\r\n" for rest in ("/x", "/smuggled"))
        await exchange(port_of(made), (first + second).encode(), patience=1)
    assert reached[-1] == "/smuggled"
    assert passed[-1].endswith("/smuggled")
