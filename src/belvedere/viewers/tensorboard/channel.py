"""Calls to the data server: gRPC over HTTP/2, a connection for each call that is under way.

It stands in for a channel of the grpc package, of which TensorBoard's data provider needs two methods. That package
keeps threads and arenas of its own in every process, takes 7 ms to open a channel, and can't arm TCP_QUICKACK: the data
server writes its answers in pieces that wait for an acknowledgement, and the kernel delays that by 40 ms on loopback
unless it is armed anew after every read. And the port changes when the data server is replaced: a call that was cut
short is made again with the next one, because all calls only read.

Source: gRPC over HTTP/2 (the protocol's own document), RFC 9113.
"""

import mmap
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import grpc
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

LARGEST_ANSWER: Final = 256 << 20  # bytes, as TensorBoard has it
PATIENCE: Final = 30.0  # seconds that a call waits for a data server
PAUSE: Final = 0.0005  # seconds between two looks for one, at first
LONGEST_PAUSE: Final = 0.1
SILENCE: Final = 120.0  # seconds without a byte of an answer after which a data server counts as hung
CHUNK: Final = 1 << 18  # bytes per read
_WINDOW: Final = 2**31 - 1  # nothing is gained by making a local server wait
_MESSAGE: Final = struct.Struct(">BI")  # compressed or not, and its length
_SETTINGS: Final = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW}
_CONFIG: Final = H2Configuration(
    header_encoding="utf-8",
    validate_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_inbound_headers=False,
    normalize_outbound_headers=False,
)
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Serialize = Callable[[Any], bytes]
Parse = Callable[[bytes], Any]


class Port:
    """The data server's port, in memory that a process shares with those that it forks from `own` on."""

    def __init__(self) -> None:
        self.own()

    def own(self) -> None:
        """Share no more with the process that this one was forked from. There is no port yet."""
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def get(self) -> int | None:
        """Where it listens; None while there is none."""
        return struct.unpack_from("=I", self._memory)[0] or None

    def put(self, port: int | None) -> None:
        """It listens there now."""
        struct.pack_into("=I", self._memory, 0, port or 0)


class CallFailed(grpc.RpcError):  # type: ignore[misc]
    """The data server refused a call, or none could be reached."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        """As TensorBoard asks for it."""
        return self._code

    def details(self) -> str:
        """Likewise."""
        return self._details


class Channel:
    """Makes calls to whatever listens on the port. For any number of threads."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._idle: list[_Connection] = []
        self._ready: list[H2Connection] = []

    def unary_unary(
        self, method: str, request_serializer: Serialize, response_deserializer: Parse, **_: object
    ) -> Callable[[Any], Any]:
        """A function that makes this call and returns its one answer."""

        def call(request: Any) -> Any:
            (answer,) = self._call(method, request_serializer(request))
            return response_deserializer(answer)

        return call

    def unary_stream(
        self, method: str, request_serializer: Serialize, response_deserializer: Parse, **_: object
    ) -> Callable[[Any], Iterator[Any]]:
        """A function that makes this call and returns its answers."""

        def call(request: Any) -> Iterator[Any]:
            return map(response_deserializer, self._call(method, request_serializer(request)))

        return call

    def get_ready(self) -> None:
        """Make the next connection's protocol ahead, for each fork of this process: a third of a first call's time."""
        if not self._ready:
            self._ready.append(_begun())

    def hang_up(self) -> None:
        """Close connections that no call needs."""
        while self._idle:
            self._idle.pop().close()

    def _call(self, method: str, request: bytes) -> list[bytes]:
        """Raises CallFailed."""
        deadline, pause = time.monotonic() + PATIENCE, PAUSE
        while True:
            try:
                return self._try(method, request)
            except (OSError, ProtocolError) as error:
                if time.monotonic() >= deadline:
                    raise CallFailed(grpc.StatusCode.UNAVAILABLE, "The data server does not answer.") from error
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _try(self, method: str, request: bytes) -> list[bytes]:
        connection = self._connected()
        try:
            answer = connection.call(method, request)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer.messages()

    def _connected(self) -> "_Connection":
        port = self._port.get()
        if port is None:
            raise ConnectionError("there is no data server yet")
        while self._idle:
            connection = self._idle.pop()
            if connection.port == port:
                return connection
            connection.close()
        return _Connection(port, self._ready)


class _Connection:
    """One HTTP/2 connection, which has one call at a time."""

    def __init__(self, port: int, ready: list[H2Connection]) -> None:
        self.port = port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SILENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._http = ready.pop()
        except IndexError:  # by itself, for another thread may have been quicker
            self._http = _begun()

    def call(self, method: str, request: bytes) -> "_Answer":
        """The answer, once all of it is there. Raises CallFailed if it is too large, OSError and ProtocolError."""
        stream = self._http.get_next_available_stream_id()
        self._http.send_headers(stream, _head(method))
        self._http.send_data(stream, _MESSAGE.pack(0, len(request)) + request, end_stream=True)
        answer, told = _Answer(), False
        while not told:
            self._socket.sendall(self._http.data_to_send())
            told = any(answer.hear(event) for event in self._http.receive_data(self._read()))
        if answer.body:
            self._http.increment_flow_control_window(len(answer.body))
        return answer

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> bytes:
        data = self._socket.recv(CHUNK)
        if not data:
            raise ConnectionError("the data server hung up")
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


def _begun() -> H2Connection:
    """A connection's protocol, with what is to be sent first."""
    http = H2Connection(_CONFIG)
    http.local_settings = Settings(client=True, initial_values=_SETTINGS)
    http.initiate_connection()
    http.increment_flow_control_window(_WINDOW - http.inbound_flow_control_window)
    return http


class _Answer:
    """What comes back for one call."""

    def __init__(self) -> None:
        self.body = bytearray()
        self._status: dict[str, str] = {}

    def hear(self, event: Event) -> bool:
        """Whether this was the last of it."""
        match event:
            case DataReceived():
                self.body += event.data
                if len(self.body) > LARGEST_ANSWER:
                    raise CallFailed(grpc.StatusCode.RESOURCE_EXHAUSTED, "The answer is larger than 256 MiB.")
            case ResponseReceived() | TrailersReceived():
                self._status.update((str(name), str(value)) for name, value in event.headers)
            case StreamReset():
                raise ConnectionError(f"the data server broke off: {event.error_code}")
        return isinstance(event, StreamEnded)

    def messages(self) -> list[bytes]:
        """What it consists of. Raises CallFailed if the data server refused."""
        code = _CODES.get(int(self._status.get("grpc-status", "2")), grpc.StatusCode.UNKNOWN)
        if code is not grpc.StatusCode.OK:
            raise CallFailed(code, unquote(self._status.get("grpc-message", "")))
        return list(_split(bytes(self.body)))


def _head(method: str) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]


def _split(framed: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(framed):
        _, length = _MESSAGE.unpack_from(framed, at)
        at += _MESSAGE.size
        yield framed[at : at + length]
        at += length
