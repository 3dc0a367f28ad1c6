"""A unix socket before the data server's TCP port.

Two reasons. The data server writes its answers in pieces that wait for an acknowledgement, and the kernel delays that
by 40 ms on loopback unless TCP_QUICKACK is armed anew after every read, which gRPC cannot do. And the port changes when
the data server is replaced; a connection made in between waits here for the next one rather than failing.
"""

import contextlib
import socket
import threading

CHUNK = 1 << 18  # bytes per read
PATIENCE = 30.0  # seconds that a new connection waits for a data server


class Relay:
    """Listens on `path` as long as the process lives."""

    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._port: int | None = None
        self._port_changed = threading.Condition()
        _in_background(self._accept)

    def point_to(self, port: int | None) -> None:
        """Send new connections to this loopback port; None: let them wait."""
        with self._port_changed:
            self._port = port
            self._port_changed.notify_all()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            _in_background(self._join, client)

    def _join(self, client: socket.socket) -> None:
        server = self._connect()
        if server is None:
            client.close()
            return
        _in_background(_pump, client, server, False)
        _pump(server, client, True)
        for end in (client, server):
            end.close()

    def _connect(self) -> socket.socket | None:
        with self._port_changed:
            self._port_changed.wait_for(lambda: self._port is not None, timeout=PATIENCE)
            port = self._port
        if port is None:
            return None
        try:
            server = socket.create_connection(("127.0.0.1", port))
        except OSError:
            return None
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server


def _pump(source: socket.socket, sink: socket.socket, acknowledge: bool) -> None:
    """Copy until an end closes, then tell both."""
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            if acknowledge:
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _in_background(function: object, *arguments: object) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()  # type: ignore[arg-type]
