"""A server for viewers that are WSGI applications, on a listening unix socket that was handed in.

Only the gateway and the host speak to it, in HTTP/1.1 of their own making, with one request on each connection. So it
reads no more of HTTP than they write, in a third of the time that a server for all the world takes. Standard library
alone, as `kit` is.

Source: PEP 3333, RFC 9112.
"""

import io
import os
import socket
import socketserver
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, Final, NoReturn
from urllib.parse import unquote_to_bytes

from belvedere.viewers.leaving import Leaving

LARGEST_HEAD: Final = 1 << 17  # bytes of a request before its body
LARGEST_BODY: Final = 1 << 25  # bytes, more than the gateway lets through
CHUNK: Final = 1 << 16
_DIGITS: Final = len(str(LARGEST_BODY))
_END: Final = b"\r\n\r\n"
_WITHOUT_BODY: Final = ("204", "304")

WsgiApp = Callable[[Any, Any], Iterable[bytes]]


class BadRequest(Exception):
    """Not what the gateway would send; the message says how."""


class Server(Leaving, socketserver.UnixStreamServer):
    """Serves an application, with a thread for each connection that is open; it takes others after that."""

    def __init__(self, app: WsgiApp, listen_fd: int) -> None:
        super().__init__("", _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=os.dup(listen_fd))
        self.app = app
        self._at_rest: deque[SimpleQueue[Any]] = deque()  # one of each thread without a connection

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand it to a thread: the one that rested last, whose memory is at hand, or a new one."""
        try:
            turns = self._at_rest.pop()
        except IndexError:
            turns = SimpleQueue()
            threading.Thread(target=self._take_turns, args=(turns,), daemon=True).start()
        turns.put((request, client_address))

    def _take_turns(self, turns: "SimpleQueue[Any]") -> NoReturn:
        while True:
            self.process_request_thread(*turns.get())
            self._at_rest.append(turns)

    def handle_error(self, request: object, client_address: object) -> None:
        """Browsers break connections all the time; that is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it comes


class _Handler(socketserver.BaseRequestHandler):
    server: Server
    request: socket.socket

    def handle(self) -> None:
        try:
            environ = read_request(self.request)
        except BadRequest as error:
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" + str(error).encode())
            return
        if environ is not None:
            _Answer(self.request, environ).give(self.server.app)


def read_request(connection: socket.socket) -> dict[str, Any] | None:
    """The request as an application wants it; None if the other end hung up. Raises BadRequest and OSError."""
    head, rest = _read_head(connection)
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, target = first.removesuffix(" HTTP/1.1").partition(" ")
    path, _, query = target.partition("?")
    if not path.startswith("/") or not first.endswith(" HTTP/1.1"):
        raise BadRequest("The first line is no request for a path by HTTP/1.1.")
    environ = _environment(method, path, query) | _headers(lines)
    body = _body(environ, connection, rest)
    environ["CONTENT_LENGTH"], environ["wsgi.input"] = str(len(body)), io.BytesIO(body)
    return environ


def ask(app: WsgiApp, path: str) -> str:
    """The status of what an application answers to a GET, by as little code as a request from outside takes."""
    told: list[str] = []

    def start(status: str, _: list[tuple[str, str]], __: object = None) -> Callable[[bytes], None]:
        told.append(status)
        return lambda _: None

    pieces = app(_environment("GET", path, "") | {"CONTENT_LENGTH": "0", "wsgi.input": io.BytesIO()}, start)
    for _ in pieces:
        pass
    getattr(pieces, "close", lambda: None)()
    return told[-1]


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """The request before its body, and what came with it."""
    data = connection.recv(CHUNK)
    while data and _END not in data:
        if len(data) > LARGEST_HEAD:
            raise BadRequest("The headers are too long.")
        more = connection.recv(CHUNK)
        if not more:
            raise BadRequest("The headers have no end.")
        data += more
    head, _, rest = data.partition(_END)
    return head, rest


def _environment(method: str, path: str, query: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": f"{path}?{query}" if query else path,
        "REMOTE_ADDR": "gateway",
        "SERVER_NAME": "viewer",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


def _headers(lines: Iterable[str]) -> dict[str, str]:
    """A name with an underscore could pass for another one: it is left out."""
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or "_" in name:
            continue
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        found[key] = f"{found[key]},{value.strip()}" if key in found else value.strip()
    return found


def _body(environ: dict[str, str], connection: socket.socket, begun: bytes) -> bytes:
    """What follows the headers: as many bytes as they say. Raises BadRequest."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise BadRequest("A body comes with its length, in one piece.")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise BadRequest("A length is no number.")
    if len(length) > _DIGITS or (size := int(length)) > LARGEST_BODY:
        raise BadRequest("The body is too large.")
    body = begun[:size]
    if len(body) < size:
        with connection.makefile("rb") as rest:
            body += rest.read(size - len(body))
    if len(body) < size:
        raise BadRequest("The body ends too early.")
    return body


class _Answer:
    """One answer on its way."""

    def __init__(self, connection: socket.socket, environ: dict[str, Any]) -> None:
        self._connection = connection
        self._environ = environ
        self._head = b""
        self._is_sent = self._is_chunked = False

    def give(self, app: WsgiApp) -> None:
        """Have the application make it, and send it as it comes. Raises OSError."""
        try:
            pieces = app(self._environ, self._start)
            try:
                for piece in pieces:
                    self._send(piece)
                self._send(b"", is_last=True)
            finally:
                getattr(pieces, "close", lambda: None)()
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - a request that fails must not end the others
            traceback.print_exc()
            if not self._is_sent:
                self._connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n")

    def _start(self, status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], None]:
        names = {name.lower() for name, _ in headers}
        has_no_body = self._environ["REQUEST_METHOD"] == "HEAD" or status.startswith(_WITHOUT_BODY)
        self._is_chunked = "content-length" not in names and not has_no_body
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
        lines += ["Transfer-Encoding: chunked"] if self._is_chunked else []
        self._head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return self._send

    def _send(self, piece: bytes, *, is_last: bool = False) -> None:
        if self._is_chunked and piece:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        if self._is_chunked and is_last:
            piece += b"0\r\n\r\n"
        if piece or is_last:
            head, self._head, self._is_sent = self._head, b"", True
            self._connection.sendall(head + piece)
