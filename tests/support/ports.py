"""Ports for servers that tests start."""

import socket
import time

_PATIENCE = 60.0  # seconds


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Return when somebody listens on it. Raises ConnectionError if nobody comes."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise ConnectionError(f"nobody listens on port {port}") from error
            time.sleep(0.05)
        else:
            return
