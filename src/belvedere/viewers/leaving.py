"""A server that can be told to leave: it finishes what it is answering, and ends its process.

Whoever connects meanwhile waits on the listening socket, which is the host's, for the process that comes next. Standard
library alone, as `kit` is.
"""

import os
import socketserver
import threading
import time
from typing import Any, Final

PAUSE: Final = 0.02  # seconds between two looks at connections that are left for the next process


class Leaving(socketserver.ThreadingMixIn):
    """Mixed into a socket server whose connections have one request each."""

    daemon_threads = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lock = threading.Lock()
        self._open = 0
        self._idle_since = time.monotonic()
        self._leaves = False

    def leave(self) -> None:
        """Take no more connections, and end the process with the last one that is open. For any thread."""
        with self._lock:
            self._leaves = True
            self._end_if_done()

    def get_request(self) -> Any:
        """Take a connection, unless it is to be left. Raises OSError, which its caller takes for none."""
        with self._lock:
            leaves = self._leaves
            self._open += not leaves
        if leaves:
            time.sleep(PAUSE)
            raise BlockingIOError
        try:
            return super().get_request()  # type: ignore[misc]  # of the class that this is mixed into
        except OSError:
            self._closed()
            raise

    def shutdown_request(self, request: Any) -> None:
        """Called once for each connection, whatever became of it."""
        try:
            super().shutdown_request(request)  # type: ignore[misc]
        finally:
            self._closed()

    def end_if_idle_for(self, seconds: float) -> None:
        """End the process if there has been no connection for so long. For the thread that takes them."""
        with self._lock:
            if not self._open and time.monotonic() - self._idle_since >= seconds:
                os._exit(0)

    def _closed(self) -> None:
        with self._lock:
            self._open -= 1
            self._idle_since = time.monotonic()
            self._end_if_done()

    def _end_if_done(self) -> None:
        if self._leaves and not self._open:
            os._exit(0)
