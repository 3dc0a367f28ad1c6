"""Connections by TLS: counted before their handshake, and not waited for for ever."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from belvedere.identity.crowds import Crowd
from belvedere.server import doorway
from belvedere.server.serving import listen, serving_asgi
from tests.support.certificates import write_certificate

MOST = 3
ASK = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[tuple[str, int]]:
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.scheme + " " + (await request.body()).decode())

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*write_certificate(tmp_path, "first.example"))
    listener = listen("127.0.0.1", 0, "port")
    async with serving_asgi(Starlette(routes=[Route("/", echo, methods=["POST"])]), listener, tls, Crowd(MOST)):
        yield listener.getsockname()


async def asked(address: tuple[str, int], request: bytes = ASK) -> bytes:
    """The answer by TLS; b"" if the server hangs up before."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection(*address, ssl=trusting)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            return answer
    except (ConnectionError, ssl.SSLError):
        return b""


@pytest.mark.parametrize("times", [1, MOST + 2])
async def test_who_comes_by_tls_is_answered_as_by_https(address: tuple[str, int], times: int) -> None:
    for _ in range(times):
        answer = await asked(address)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"https hello")


async def test_a_long_body_comes_whole(address: tuple[str, int]) -> None:
    body = b"x" * 2**20
    head = ASK.partition(b"Content-Length")[0] + b"Content-Length: %d\r\n\r\n" % len(body)
    assert (await asked(address, head + body)).endswith(b" " + body)


async def test_who_says_nothing_amid_the_handshake_is_counted(address: tuple[str, int]) -> None:
    silent = [await asyncio.open_connection(*address) for _ in range(MOST)]
    assert await asked(address) == b""
    for _, writer in silent:
        writer.transport.abort()
    found = [await asked(address) for _ in range(50)]  # it takes a moment until the server knows
    assert found[-1].startswith(b"HTTP/1.1 200")


async def test_a_handshake_is_not_waited_for_for_ever(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorway, "HANDSHAKE_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection(*address)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00"])
async def test_what_is_no_handshake_ends_and_counts_no_more(address: tuple[str, int], words: bytes) -> None:
    for _ in range(MOST):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(words)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 30)
        writer.close()
    assert (await asked(address)).startswith(b"HTTP/1.1 200")
