"""What a viewer's host and its program say to each other: a JSON object a line.

Standard library alone: a program runs in an environment of its own, which may have nothing else of ours.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Show:
    """What a viewer program is told, as JSON on its first line of standard input.

    `folder`: what to show, absolute. `path_prefix`: the public path it is served under, ``/`` first, none last.
    `work`: an empty folder of its own for sockets and scratch files; removed when it ends.

    How it is confined: `elsewhere` are folders that links in `folder` lead into; `hidden` those that it must not see,
    whatever they lie in; `user` is who it becomes if it starts as root; `strict`: rather end than lack a wall.
    """

    folder: str
    path_prefix: str
    work: str
    reload_seconds: float = 2.0
    elsewhere: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    user: int | None = None
    strict: bool = False


class Do(StrEnum):
    """What a program can be told."""

    LOAD = "load"  # read the folder now; again: read it anew, because files in it were rewritten
    LEAVE = "leave"  # take no more requests, finish those that are being answered, and end: another one comes


@dataclass(frozen=True, kw_only=True)
class Command:
    """One line of a program's standard input, after its `Show`."""

    do: Do


class Told(StrEnum):
    """What a program tells."""

    SERVING = "serving"  # its socket answers; the text SOON says that ANSWERED comes in a moment
    LOADER = "loader"  # `text` names what reads the logs: "rust", or "python" for the slow one
    LOADED = "loaded"  # after a LOAD: everything that was in the folder is shown
    NOTE = (
        "note"  # `text` is a sentence that people should know while it runs; the next one takes its place, "" ends it
    )
    ANSWERED = "answered"  # it has answered a request of its own, all the way to the data; saves its host asking
    FAILED = "failed"  # it can't go on and ends; `text` says why


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a program's standard output."""

    event: Told
    text: str = ""


SOON = "soon"
SLOW_LOADER = "python"  # the text of a LOADER event that is worth a warning
