"""The seam to a kind of viewer: its description, and the words that the host and its program exchange."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer program is told, as JSON on its first line of standard input.

    `folder`: what to show, absolute. `path_prefix`: the public path it is served under, ``/`` first, none last.
    `work`: a folder of its own for sockets and scratch files; removed when it ends.
    """

    folder: str
    path_prefix: str
    work: str
    reload_seconds: float = 2.0


class Do(StrEnum):
    """What a program can be told."""

    LOAD = "load"  # read the folder now; again: read it anew, because files in it were rewritten


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a program's standard input, after its `Show`."""

    do: Do


class Told(StrEnum):
    """What a program tells."""

    SERVING = "serving"  # its socket answers
    LOADER = "loader"  # `text` names what reads the logs: "rust", or "python" for the slow one
    LOADED = "loaded"  # after a LOAD: everything that was in the folder is shown
    FAILED = "failed"  # it can't go on and ends; `text` says why


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a program's standard output."""

    event: Told
    text: str = ""


SLOW_LOADER = "python"  # the text of a LOADER event that is worth a warning


class AssetFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of a viewer's files that is the same for every job: `path` is below its prefix, without a slash first."""

    path: str
    content_type: str
    gzipped: bytes


@runtime_checkable
class HasAssets(Protocol):
    """A kind of viewer whose static files others may serve in its place, the same bytes for every job."""

    def assets(self) -> Iterable[AssetFile]:
        """The files, of the very version that the program shows. May take some 100 ms."""
        ...


class ViewerType(Protocol):
    """A kind of viewer. The host starts `program`: a module, run as ``python -m … --listen-fd N``.

    The program gets its listening unix socket as a file descriptor, reads a `Show` and then a `Command` a line from
    standard input, and writes an `Event` a line to standard output. Standard input's end is its end.

    A module that can be forked from a warm parent also has ``prepare()``, which imports and warms what every viewer
    needs without starting a thread, and ``run(listen_fd)``, which does what ``python -m`` does.
    """

    @property
    def name(self) -> str:
        """As in `job_type`, lower case."""
        ...

    @property
    def program(self) -> str:
        """Module to run."""
        ...

    @property
    def can_fork(self) -> bool:
        """Whether the program may be forked from a warm parent."""
        ...

    @property
    def liveness_path(self) -> str:
        """Path below the prefix that answers 200 only while the viewer is whole."""
        ...

    def wants(self, key: str) -> bool:
        """Whether a file with this relative name is worth mirroring."""
        ...

    def is_log(self, key: str) -> bool:
        """Whether such a file alone gives the viewer something to show."""
        ...
