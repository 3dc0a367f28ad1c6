"""When a host that still runs is taken for hung, and which process that is."""

import contextlib
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid; see unix(7), SO_PEERCRED


class Silence:
    """Since when questions have gone unanswered.

    It counts from the end of the first patience, not from the question: when we were ourselves stopped for a while, the
    next answer comes before the silence has begun to last.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`limit`: seconds of silence after which a host counts as hung."""
        self._limit = limit
        self._clock = clock
        self._since: float | None = None

    def broken(self) -> None:
        """It has answered."""
        self._since = None

    def noticed(self) -> None:
        """A question was not answered in time."""
        if self._since is None:
            self._since = self._clock()

    @property
    def lasts_too_long(self) -> bool:
        """Whether the host is to be replaced."""
        return self._since is not None and self._clock() - self._since >= self._limit


@contextlib.contextmanager
def killed_listener(path: Path) -> Iterator[int]:
    """Kill the process that listens on this unix socket, which need not answer; its pidfd. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1.0)  # its backlog may be full
        line.connect(str(path))
        pid, _, _ = _CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        yield descriptor
    finally:
        os.close(descriptor)
