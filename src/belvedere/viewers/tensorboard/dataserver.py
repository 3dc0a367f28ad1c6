"""TensorBoard's Rust data server, kept alive and replaced when files were rewritten.

It holds every event file open for ever: a file that was replaced is read again only by a new process. That one loads
beside the old one and takes over when it has loaded, so the board is never empty in between.
"""

import contextlib
import os
import re
import signal
import sys
import time
from typing import Protocol

import tensorboard_data_server  # type: ignore[import-untyped]

from belvedere.viewers.tensorboard.loop import Loop

LISTENING = re.compile(rb"listening on 127\.0\.0\.1:(\d+)")
CYCLE_STARTED = b"Starting load cycle"
CYCLE_FINISHED = b"Finished load cycle"
OUT_OF_FILES = b"Too many open files"
SETTLED = 10.0  # seconds of life after which an exit counts as the first again
EXITS = 5  # quick exits in a row, and it is given up
HELD_BACK = 10.0  # seconds that requests wait for the successor of one that died to load, rather than see a part
SLOWEST_RETRY = 5.0  # seconds
CHUNK = 1 << 16  # bytes read at once of what it says
LONGEST_LINE = 1 << 12


class Owner(Protocol):
    """Hears of what becomes of the data server."""

    def point_to(self, port: int | None) -> None:
        """Requests go to this loopback port from now on; None: they have to wait."""
        ...

    def loaded(self) -> None:
        """Everything that was in the folder when it was told to load is there."""
        ...

    def out_of_files(self) -> None:
        """It may not open as many files as there are logs, and goes on without the rest."""
        ...

    def said(self, line: bytes) -> None:
        """It has said something else."""
        ...

    def given_up(self, text: str) -> None:
        """It can't be kept alive."""
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
    """Keeps one data server running from the first `load` on."""

    def __init__(self, command: list[str], loop: Loop, owner: Owner) -> None:
        self._command = command
        self._loop = loop
        self._owner = owner
        self._serving: _Process | None = None
        self._loading: _Process | None = None
        self._exits = 0
        self._has_loaded = False
        self._processes = 0

    @property
    def is_ending(self) -> bool:
        """Whether a process is left, though none is wanted."""
        return self._processes > len(self._present())

    def load(self) -> None:
        """Start one, or a fresh one beside the one that serves."""
        if self._loading is not None and self._loading is not self._serving:
            self._loading.kill()
        self._loading = _Process(self._command, self._loop, self)
        self._processes += 1

    def close(self) -> None:
        """End it. What it still says is not heard."""
        for process in self._present():
            process.kill()
        self._serving = self._loading = None

    def let_go(self) -> None:
        """Close a fork's copies of what holds it, and touch nothing else."""
        for process in self._present():
            process.close_pipes()

    def listening(self, process: "_Process") -> None:
        """It has its port."""
        if self._has_loaded:
            self._loop.after(HELD_BACK, lambda: self._take_over_empty(process))
        else:
            self._take_over_empty(process)

    def said(self, line: bytes) -> None:
        """It has said something else."""
        self._owner.said(line)

    def cycle_finished(self, process: "_Process") -> None:
        """It has read everything."""
        if process is not self._loading:
            return
        if process is not self._serving:
            self._take_over(process)
        self._loading = None
        self._has_loaded = True
        self._owner.loaded()

    def out_of_files(self, process: "_Process") -> None:
        """It may not open as many files as it wants to."""
        if process in self._present():
            self._owner.out_of_files()

    def ended(self, process: "_Process", last_line: str) -> None:
        """It has exited."""
        self._processes -= 1
        if process not in self._present():
            return
        if process is self._serving:
            self._serving = None
            self._owner.point_to(None)
        self._exits = 1 if process.age > SETTLED else self._exits + 1
        if self._exits >= EXITS:
            words = f"The data server ended {EXITS} times in a row. Its last words: {last_line or 'none'}"
            self._owner.given_up(words)
            return
        pause = min(0.05 * 4 ** (self._exits - 1), SLOWEST_RETRY)
        self._loop.after(pause, lambda: self._start_again(process))

    def _start_again(self, ended: "_Process") -> None:
        if self._loading is ended or (self._loading is None and self._serving is None):
            self.load()

    def _take_over_empty(self, process: "_Process") -> None:
        """Let one serve that is still loading, if nothing else does."""
        if self._serving is None and process is self._loading:
            self._take_over(process)

    def _take_over(self, process: "_Process") -> None:
        before, self._serving = self._serving, process
        self._owner.point_to(process.port)
        if before is not None:
            before.kill()

    def _present(self) -> set["_Process"]:
        return {process for process in (self._serving, self._loading) if process is not None}


class _Process:
    """One data server process, and what it says."""

    def __init__(self, command: list[str], loop: Loop, owner: DataServer) -> None:
        self.port: int | None = None
        self._owner = owner
        self._loop = loop
        self._started = time.monotonic()
        self._partial = self._last_line = b""
        self._lacks_files = False
        self._pid, self._stdin, self._stderr = _spawn(command)
        loop.watch(self._stderr, self._hear)

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._started

    def kill(self) -> None:
        """End it at once; it has nothing to lose. Its end is noted when its last words have been heard."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def close_pipes(self) -> None:
        os.close(self._stdin)
        os.close(self._stderr)

    def _hear(self) -> None:
        data = os.read(self._stderr, CHUNK)
        *lines, rest = (self._partial + data).split(b"\n")
        self._partial = rest[:LONGEST_LINE]
        for line in lines:
            self._note(line)
        if not data:
            self._end()

    def _note(self, line: bytes) -> None:
        if match := LISTENING.search(line):
            self.port = int(match[1])
            self._owner.listening(self)
        elif CYCLE_FINISHED in line:
            self._owner.cycle_finished(self)
        elif OUT_OF_FILES in line:
            self._note_lack(line)
        elif CYCLE_STARTED not in line:
            self._last_line = line.strip()
            self._owner.said(line)
            sys.stderr.buffer.write(line + b"\n")
            sys.stderr.flush()

    def _note_lack(self, line: bytes) -> None:
        """Once: it says so of each file, again and again."""
        if not self._lacks_files:
            self._lacks_files = True
            self._last_line = line.strip()
            self._owner.out_of_files(self)

    def _end(self) -> None:
        self._loop.forget(self._stderr)
        self.close_pipes()
        self.kill()  # one that has only closed its standard error is of no use either
        os.waitpid(self._pid, 0)
        self._owner.ended(self, self._last_line.decode(errors="replace"))


def _spawn(command: list[str]) -> tuple[int, int, int]:
    """Pid, and our ends of its standard input and error. Raises OSError."""
    their_stdin, our_stdin = os.pipe()
    our_stderr, their_stderr = os.pipe()
    try:
        pid = os.posix_spawn(
            command[0],
            command,
            os.environ | {"MALLOC_ARENA_MAX": "2"},  # with one, its threads would get in each other's way
            file_actions=[
                (os.POSIX_SPAWN_DUP2, their_stdin, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, their_stderr, 2),
            ],
        )
    except OSError:
        os.close(our_stdin)
        os.close(our_stderr)
        raise
    finally:
        os.close(their_stdin)
        os.close(their_stderr)
    return pid, our_stdin, our_stderr
