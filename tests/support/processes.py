"""What runs: processes as /proc tells them, and those that belong to one service."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A living process. Its words and its environment are as they were when its program started."""

    pid: int
    parent: int
    command: str
    environment: dict[str, str]

    @property
    def is_data_server(self) -> bool:
        """The Rust process that reads a viewer's logs: one for each viewer."""
        return "tensorboard_data_server" in self.command

    @property
    def is_host(self) -> bool:
        return "-m belvedere.host --data" in self.command

    def kill(self) -> None:
        """kill -9, by its id."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def processes_of(marker: str | Path) -> list[Process]:
    """Living processes that mention the marker in their command line or their environment."""
    return [process for process in _all() if _mentions(process, str(marker))]


def viewers_among(processes: Sequence[Process]) -> list[Process]:
    """Those that are TensorBoards: the parents of data servers."""
    parents = {process.parent for process in processes if process.is_data_server}
    return [process for process in processes if process.pid in parents]


def _mentions(process: Process, marker: str) -> bool:
    return marker in process.command or any(marker in value for value in process.environment.values())


def _all() -> list[Process]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                found += _read(entry)
    return found


def _read(entry: Path) -> list[Process]:
    state, parent, *_ = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    if state == "Z":
        return []
    words = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
    pairs = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return [
        Process(
            pid=int(entry.name), parent=int(parent), command=words.decode(errors="replace"), environment=environment
        )
    ]
