"""The server for viewers that are WSGI applications: what it reads, and what it answers."""

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from belvedere.viewers.wsgi import BadRequest, _Answer, ask, read_request


def _read(*pieces: bytes) -> dict[str, Any] | None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)
        return read_request(ours)


def test_a_request_becomes_an_environment() -> None:
    read = _read(b"GET /a%20b/%C3%A9?x=%20&y HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\nX_A: no\r\n\r\n")
    assert read is not None
    assert (read["REQUEST_METHOD"], read["PATH_INFO"], read["QUERY_STRING"]) == ("GET", "/a b/Ã©", "x=%20&y")
    assert (read["HTTP_HOST"], read["HTTP_X_A"], read["CONTENT_LENGTH"]) == ("h", "1,2", "0")


@pytest.mark.parametrize(
    "pieces",
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r", b"\n\r\nhe", b"llo"),
    ],
)
def test_a_body_is_read_whole(pieces: tuple[bytes, ...]) -> None:
    read = _read(*pieces)
    assert read is not None
    assert (read["wsgi.input"].read(), read["CONTENT_LENGTH"]) == (b"hello", "5")


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nhe",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: 0_5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello",
    ],
)
def test_what_no_gateway_sends_is_refused(request_: bytes) -> None:
    with pytest.raises(BadRequest):
        _read(request_)


def test_nobody_who_hangs_up_is_answered() -> None:
    assert _read(b"") is None


def _answer(app: Any, method: str = "GET") -> bytes:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _Answer(ours, {"REQUEST_METHOD": method}).give(app)
        ours.close()
        return b"".join(iter(lambda: theirs.recv(1 << 16), b""))


def test_an_answer_of_known_length_is_sent_as_it_is() -> None:
    def app(_: object, start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "2"), ("X-A", "b")])
        return [b"h", b"i"]

    assert _answer(app) == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\nConnection: close\r\n\r\nhi"


def test_an_answer_of_unknown_length_is_sent_in_chunks() -> None:
    def app(_: object, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return iter([b"h", b"", b"i"])

    head, _, body = _answer(app).partition(b"\r\n\r\n")
    assert head.endswith(b"Transfer-Encoding: chunked")
    assert body == b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "method"), [("304 Not Modified", "GET"), ("204 No Content", "GET"), ("200 OK", "HEAD")]
)
def test_an_answer_without_a_body_has_no_chunks(status: str, method: str) -> None:
    def app(_: object, start: Any) -> Iterable[bytes]:
        start(status, [])
        return []

    assert _answer(app, method) == f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode()


def test_a_fault_is_answered_and_told_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    def app(_: object, start: Any) -> Iterable[bytes]:
        raise LookupError("a fault")

    assert _answer(app).startswith(b"HTTP/1.1 500 ")
    assert "a fault" in capsys.readouterr().err


def test_a_fault_amid_an_answer_leaves_it_short() -> None:
    def app(_: object, start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "2")])
        yield b"h"
        raise LookupError("a fault")

    assert _answer(app).endswith(b"\r\n\r\nh")


def test_one_can_ask_an_application_oneself() -> None:
    def app(environ: dict[str, Any], start: Callable[..., object]) -> Iterator[bytes]:
        start(f"200 {environ['PATH_INFO']}", [])
        yield environ["wsgi.input"].read()

    assert ask(app, "/data") == "200 /data"
