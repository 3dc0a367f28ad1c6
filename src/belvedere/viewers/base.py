"""The seam to a kind of viewer: its description. `words` has what the host and its program say to each other."""

import mimetypes
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import msgspec


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What runs a viewer: a module, and the interpreter of the environment that it needs."""

    module: str
    python: str = sys.executable
    can_fork: bool = False  # whether it may be forked from a warm parent

    @property
    def is_guest(self) -> bool:
        """Whether it runs in another environment than ours."""
        return self.python != sys.executable


def asset_type(path: str) -> str:
    """The Content-Type of a file by its name."""
    content_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{content_type}; charset=utf-8" if content_type.startswith(_TEXT_TYPES) else content_type


_TEXT_TYPES: Final = ("text/", "application/javascript", "application/json", "image/svg+xml")


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that `belvedere viewer install` makes for a viewer. `name` is the viewer's.

    `distribution`: the package whose version is the viewer's.
    `requirements`: what pip is asked for, a line each, with versions; hashes if they are known. `pythons`: the versions
    of Python that it works with, the first to the last. `check`: a module that is run in it with the path of a scratch
    folder, shows something real there, and fails with a sentence if it can't.
    """

    name: str
    requirements: str
    distribution: str
    pythons: tuple[tuple[int, int], tuple[int, int]] = ((3, 11), (3, 14))
    check: str = ""


class AssetFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of a viewer's files that is the same for every job: `path` is below its prefix, without a slash first."""

    path: str
    content_type: str
    gzipped: bytes


class Appetite(msgspec.Struct, frozen=True, kw_only=True):
    """Memory that a viewer's processes take beyond what they share with others of its kind, as seen. In bytes.

    It decides whether there is room for one more; what a viewer really takes is weighed once it runs.
    """

    bare: int  # with little data
    per_log_byte: float = 0.0
    per_file: int = 0


UNKNOWN_APPETITE: Final = Appetite(bare=40 << 20, per_log_byte=1.0)  # an interpreter of its own with some packages


@runtime_checkable
class KnowsItsAppetite(Protocol):
    """A kind of viewer that has been weighed."""

    @property
    def appetite(self) -> Appetite:
        """What it takes."""
        ...


def appetite_of(viewer: object) -> Appetite:
    """What a viewer takes, as far as it is known."""
    return viewer.appetite if isinstance(viewer, KnowsItsAppetite) else UNKNOWN_APPETITE


@runtime_checkable
class HasAssets(Protocol):
    """A kind of viewer whose static files others may serve in its place, the same bytes for every job."""

    def assets(self, environment: Path | None) -> Iterable[AssetFile]:
        """The files, of the very version that the program shows. May take some seconds.

        `environment`: the folder of the viewer's own environment; None if it runs in ours.
        """
        ...


@runtime_checkable
class ReadsByPost(Protocol):
    """A kind of viewer whose pages ask for some things by POST, because a URL would be too long."""

    @property
    def post_reads(self) -> frozenset[str]:
        """Paths below the prefix, with their slash first, at which a POST changes nothing."""
        ...


@runtime_checkable
class ViewerType(Protocol):
    """A kind of viewer, as a description: it imports nothing heavy, and its methods are pure.

    The host starts `program`: a module, run as ``python -m … --listen-fd N``.

    The program gets its listening unix socket as a file descriptor, reads a `words.Show` and then a `words.Command` a
    line from standard input, and writes a `words.Event` a line to standard output. Standard input's end is its end.
    `kit` has what that takes; it and `words` need nothing but the standard library.

    A module that can be forked from a warm parent also has ``prepare()``, which imports and warms what every viewer
    needs without starting a thread, and ``run(listen_fd)``, which does what ``python -m`` does. It may have
    ``ahead()``: called in a fork that waits for its viewer, it forks what can be forked already, and gives a function
    that has that join a control group.
    """

    @property
    def name(self) -> str:
        """As in `job_type`, lower case."""
        ...

    @property
    def title(self) -> str:
        """As people write it."""
        ...

    @property
    def description(self) -> str:
        """What it shows, in one line without a period."""
        ...

    @property
    def logs(self) -> str:
        """What its files are called, such as "TensorBoard event files"."""
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
    def environment(self) -> Environment | None:
        """The environment that the program needs; None for the one that the host itself runs in."""
        ...

    @property
    def liveness_path(self) -> str:
        """Path below the prefix that answers 200 only while the viewer is whole."""
        ...

    @property
    def pages_poll(self) -> bool:
        """Whether its pages ask by themselves. Only where they don't do their requests show that somebody looks."""
        ...

    def wants(self, key: str) -> bool:
        """Whether a file with this relative name is worth mirroring."""
        ...

    def is_log(self, key: str) -> bool:
        """Whether such a file alone gives the viewer something to show."""
        ...


@runtime_checkable
class HasVersions(Protocol):
    """A kind of viewer of which several versions can stand side by side, each in an environment of its own."""

    def version(self, name: str, requirements: Sequence[str]) -> ViewerType:
        """The viewer as these packages make it, under a name of its own. The first of them is the viewer itself."""
        ...
