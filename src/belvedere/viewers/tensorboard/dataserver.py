"""TensorBoard's Rust data server, kept alive and replaced when files were rewritten.

It holds every event file open for ever: a file that was replaced is read again only by a new process. That one loads
beside the old one and takes over when it has loaded, so the board is never empty in between.
"""

import contextlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

import tensorboard_data_server  # type: ignore[import-untyped]

LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")
CYCLE_STARTED = "Starting load cycle"
CYCLE_FINISHED = "Finished load cycle"
SETTLED = 10.0  # seconds of life after which an exit counts as the first again
EXITS = 5  # quick exits in a row, and it is given up
HELD_BACK = 10.0  # seconds that requests wait for the successor of one that died to load, rather than see a part
SLOWEST_RETRY = 5.0  # seconds


class Router(Protocol):
    """Where requests to the data server go in."""

    def point_to(self, port: int | None) -> None:
        """Send new connections to this loopback port."""
        ...


def data_server_binary() -> str | None:
    """The Rust data server of this machine, if its wheel has one (the aarch64 one is empty)."""
    binary: str | None = tensorboard_data_server.server_binary()
    return binary


def command_line(binary: str, folder: str, reload_seconds: float) -> list[str]:
    """How to start it. It ends when its standard input does, so it never outlives us."""
    return [
        binary,
        f"--logdir={folder}",
        f"--reload={max(1, round(reload_seconds))}",
        "--host=127.0.0.1",
        "--port=0",
        "--die-after-stdin",
        "--verbose",
    ]


class DataServer:
    """Keeps one data server running from the first `load` on. Its callbacks come from other threads."""

    def __init__(
        self, command: list[str], router: Router, *, on_loaded: Callable[[], None], on_given_up: Callable[[str], None]
    ) -> None:
        self._command = command
        self._router = router
        self._on_loaded = on_loaded
        self._on_given_up = on_given_up
        self._lock = threading.RLock()
        self._serving: _Process | None = None
        self._loading: _Process | None = None
        self._exits = 0
        self._has_loaded = False
        self._closed = False

    def load(self) -> None:
        """Start one, or a fresh one beside the one that serves."""
        with self._lock:
            if self._closed:
                return
            if self._loading is not None and self._loading is not self._serving:
                self._loading.kill()
            self._loading = _Process(self._command, self)

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._closed = True
            for process in {self._serving, self._loading} - {None}:
                process.kill()  # type: ignore[union-attr]

    def listening(self, process: "_Process") -> None:
        """It has its port."""
        if not self._has_loaded:
            self._take_over_empty(process)
            return
        late = threading.Timer(HELD_BACK, self._take_over_empty, [process])
        late.daemon = True
        late.start()

    def cycle_finished(self, process: "_Process") -> None:
        """It has read everything."""
        with self._lock:
            if process is not self._loading:
                return
            if process is not self._serving:
                self._take_over(process)
            self._loading = None
            self._has_loaded = True
        self._on_loaded()

    def ended(self, process: "_Process", last_line: str) -> None:
        """It has exited."""
        with self._lock:
            if self._closed or process not in {self._serving, self._loading}:
                return
            if process is self._serving:
                self._serving = None
                self._router.point_to(None)
            self._exits = 1 if process.age > SETTLED else self._exits + 1
            given_up = self._exits >= EXITS
        if given_up:
            self._on_given_up(f"The data server ended {EXITS} times in a row. Its last words: {last_line or 'none'}")
            return
        time.sleep(min(0.05 * 4 ** (self._exits - 1), SLOWEST_RETRY))
        with self._lock:
            if self._loading is process or (self._loading is None and self._serving is None):
                self.load()

    def _take_over_empty(self, process: "_Process") -> None:
        """Let one serve that is still loading, if nothing else does."""
        with self._lock:
            if self._serving is None and process is self._loading:
                self._take_over(process)

    def _take_over(self, process: "_Process") -> None:
        before, self._serving = self._serving, process
        self._router.point_to(process.port)
        if before is not None:
            before.kill()


class _Process:
    """One data server process and the thread that reads what it says."""

    def __init__(self, command: list[str], owner: DataServer) -> None:
        self.port: int | None = None
        self._owner = owner
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._started

    def kill(self) -> None:
        """End it at once; it has nothing to lose."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _listen(self) -> None:
        last_line = ""
        for line in self._process.stderr or ():
            if match := LISTENING.search(line):
                self.port = int(match[1])
                self._owner.listening(self)
            elif CYCLE_FINISHED in line:
                self._owner.cycle_finished(self)
            elif CYCLE_STARTED not in line:
                last_line = line.strip()
                sys.stderr.write(line)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._owner.ended(self, last_line)
