"""What the API's server takes from strangers: whole requests, and no head without an end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from belvedere.server import bounded
from belvedere.server.bounded import HEAD_BYTES
from belvedere.server.serving import listen, serving_asgi

MANY = b"X-A: b\r\n" * (HEAD_BYTES // 4)
ENDLESS = {
    "a header's value": b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 2 * HEAD_BYTES,
    "headers": b"GET / HTTP/1.1\r\nHost: h\r\n" + MANY,
    "a URL": b"GET /" + b"a" * 2 * HEAD_BYTES,
    "trailers": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + MANY,
}


GOOD = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    async def length(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    async def slowly(request: Request) -> PlainTextResponse:
        await asyncio.sleep(0.3)
        return await length(request)

    listener = listen("127.0.0.1", 0, "port")
    routes = [Route("/", length, methods=["GET", "POST"]), Route("/slow", slowly, methods=["POST"])]
    async with serving_asgi(Starlette(routes=routes), listener):
        yield listener.getsockname()


async def answer(address: tuple[str, int], request: bytes) -> bytes:
    """What comes back before the server hangs up; b"" if it does so without a word."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(30):
            for start in range(0, len(request), 2**14):
                writer.write(request[start : start + 2**14])
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("part", ENDLESS)
async def test_a_request_without_an_end_is_given_up(address: tuple[str, int], part: str) -> None:
    assert not (await answer(address, ENDLESS[part])).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("part", [b"", b"GET / HTTP/1.1\r\nHost: h\r\nX: ", GOOD + b"GET / HT"])
async def test_half_a_request_is_not_waited_for_for_ever(
    address: tuple[str, int], part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "HEAD_SECONDS", 0.1)
    assert (await answer(address, part)).count(b"HTTP/1.1 200") == part.count(GOOD)


async def test_half_a_body_is_not_waited_for_for_ever(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "BODY_SECONDS", 0.1)
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab"
    assert b"HTTP/1.1 200" not in await answer(address, head)


async def test_a_slow_answer_outlasts_the_patience_with_heads(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(bounded, "BODY_SECONDS", 0.1)
    head = b"POST /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"
    assert (await answer(address, head)).endswith(b"2")


async def test_a_long_body_is_taken(address: tuple[str, int]) -> None:
    body = b"x" * 8 * HEAD_BYTES
    head = f"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert (await answer(address, head + body)).endswith(str(len(body)).encode())


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
)


async def test_a_socket_of_the_web_is_a_request_as_any(address: tuple[str, int]) -> None:
    assert (await answer(address, UPGRADE)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("request_", [b"\x00\r\n\r\n", b"GET / HTTP/9\r\n\r\n", ENDLESS["a header's value"]])
async def test_what_can_not_be_read_is_refused_in_safe_words(address: tuple[str, int], request_: bytes) -> None:
    head = (await answer(address, request_)).lower()
    assert head[:13] in {b"http/1.1 400 ", b"http/1.1 431 ", b""}  # it may be gone before its answer is read
    assert not head or all(name in head for name in (b"nosniff", b"content-security-policy: default-src 'none'"))
