"""Ports for servers that tests start."""

import random
import socket
import time

_PATIENCE = 60.0  # seconds
_OURS = range(
    12_000, 32_000
)  # below those that the kernel gives to clients, which might take one before its server does


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Several of them, each another. Raises OSError if the machine has hardly any left."""
    found: list[int] = []
    for port in random.sample(_OURS, 1000):
        if len(found) < count and _is_free(port):
            found.append(port)
    if len(found) < count:
        raise OSError(f"no {count} ports are free between {_OURS.start} and {_OURS.stop}")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: what has ended doesn't count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


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
