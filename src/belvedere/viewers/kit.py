"""What every viewer's program does the same way: hear its host, tell it, keep to itself, and end.

Standard library alone, as `words` is. A program module has ``run(listen_fd)``, and ``prepare()`` if it can be forked.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from typing import Any, NoReturn

from belvedere.viewers import sandbox
from belvedere.viewers.words import Command, Do, Event, Show, Told

LONGEST_TEXT = 600  # characters of an event's text; its host reads 2,048 bytes of a line
Say = Callable[[Told, str], None]


def run_program(listen_fd: int, show_it: Callable[[int, Say, Show], None], kept: tuple[int, ...] = ()) -> NoReturn:
    """Read what to show, show it until that returns, and end. A fault is told, then ends it with status 1.

    `kept`: descriptors of its own that stay open.
    """
    os.umask(0o077)
    # The first process of its own namespace doesn't end by a signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    events = events_apart()
    say = announcer(events)
    try:
        show = read_show(_first_line())
        confine(show, kept=(listen_fd, events, *kept))
        show_it(listen_fd, say, show)
    except Exception as error:  # noqa: BLE001 - the last chance to say why
        traceback.print_exc()
        fail(say, f"{type(error).__name__}: {error}")
    os._exit(0)


def main(run: Callable[[int], NoReturn], description: str) -> NoReturn:
    """Run as a process of its own: ``python -m … --listen-fd N``."""
    parser = argparse.ArgumentParser(description=f"{description} Started by `belvedere host`.")
    parser.add_argument("--listen-fd", type=int, required=True)
    run(parser.parse_args().listen_fd)


def events_apart() -> int:
    """Keep standard output for events alone, on the descriptor given; whatever else is printed goes to the error."""
    events = os.dup(1)
    os.dup2(2, 1)
    return events


def announcer(events: int) -> Say:
    """What writes events."""
    lock = threading.Lock()

    def say(event: Told, text: str) -> None:
        line = json.dumps(asdict(Event(event=event, text=text[:LONGEST_TEXT])), ensure_ascii=False)
        with lock:
            os.write(events, line.encode(errors="replace") + b"\n")

    return say


def confine(show: Show, kept: tuple[int, ...]) -> None:
    """Before the first thread: see and reach nothing but what is to be shown, and live in the work folder.

    Raises `sandbox.Refused` and OSError. What the kernel refuses is told in the log.
    """
    found = sandbox.enter(
        sandbox.Confinement(
            logs=(show.folder, *show.elsewhere),
            work=show.work,
            kept=kept,
            hidden=show.hidden,
            user=show.user,
            strict=show.strict,
        )
    )
    if found.reasons:
        sys.stderr.write(f"this viewer is not wholly confined. It lacks: {found}\n")
    live_in(show.work)


def join(group: int) -> None:
    """Be counted in a control group from now on, whose members can be written to this descriptor; it is closed.

    By each process for itself: to move another one the kernel takes ten milliseconds. Without it the host's weighing
    has to do.
    """
    with contextlib.suppress(OSError):
        os.write(group, b"0")
    os.close(group)


def live_in(work: str) -> None:
    """The only folder to write to."""
    os.chdir(work)
    os.environ["HOME"] = os.environ["TMPDIR"] = work


def obey(say: Say, load: Callable[[], None], leave: Callable[[], None]) -> None:
    """In a thread of its own: `load` each time that the host wants the folder read, and `leave` as for `loads`.

    Standard input's end is the process's. A fault is told, and ends it.
    """

    def hear() -> None:
        try:
            for _ in loads(leave):
                load()
        except Exception as error:  # noqa: BLE001 - the last chance to say why
            fail(say, f"{type(error).__name__}: {error}")
        os._exit(0)

    threading.Thread(target=hear, daemon=True).start()


def loads(leave: Callable[[], None]) -> Iterator[None]:
    """One item each time that the host wants the folder read, until standard input ends.

    `leave` is called when it wants the process to finish its answers and end. Raises ValueError for what is no command.
    """
    for line in sys.stdin:
        match read_command(line):
            case Do.LOAD:
                yield
            case Do.LEAVE:
                leave()


def read_command(line: str) -> Do:
    """What a line after the first asks for. Raises ValueError for what is no command."""
    return Command(do=Do(str(_object(line).get("do")))).do


def _first_line() -> str:
    """Of standard input, and not a byte more: what follows may be read in another way."""
    line = b""
    while (letter := os.read(0, 1)) not in {b"\n", b""}:
        line += letter
    return line.decode()


def read_show(line: str) -> Show:
    """The first line. Raises ValueError, naming the field that is wrong."""
    given = _object(line)
    known: dict[str, Any] = {field.name: given[field.name] for field in fields(Show) if field.name in given}
    wrong = [name for name in ("folder", "path_prefix", "work") if not isinstance(known.get(name), str)]
    if wrong:
        raise ValueError(f"{wrong[0]}: a string is wanted")
    for name in known.keys() & {"elsewhere", "hidden"}:
        known[name] = tuple(known[name])
    return Show(**known)


def _object(line: str) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("a JSON object is wanted")  # noqa: TRY004 - the line is wrong, not the caller
    return value


def fail(say: Say, text: str) -> NoReturn:
    """Say why it can't go on, and end."""
    say(Told.FAILED, text)
    os._exit(1)
