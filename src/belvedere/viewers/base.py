"""The seam to a kind of viewer."""

from typing import Protocol

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


class ViewerType(Protocol):
    """A kind of viewer. The host starts `program` (a module, run as ``python -m``, or forked from a warm parent).

    The program gets its listening unix socket as a file descriptor, reads a `Show` and then commands, one JSON value a
    line, from standard input, and writes events, one a line, to standard output (`host.protocol`). Standard input's end
    is its end.
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
    def liveness_path(self) -> str:
        """Path below the prefix that answers 200 only while the viewer is whole."""
        ...

    def wants(self, key: str) -> bool:
        """Whether a file with this relative name is worth mirroring."""
        ...

    def is_log(self, key: str) -> bool:
        """Whether such a file alone gives the viewer something to show."""
        ...
