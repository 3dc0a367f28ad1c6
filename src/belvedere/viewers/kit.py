"""What every viewer's program does the same way: hear its host, tell it, keep to itself, and end.

Standard library alone, as `words` is. A program module has ``run(listen_fd)``, and ``prepare()`` if it can be forked.
"""

import argparse
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from typing import Any, NoReturn

from belvedere.viewers.network import can_leave_network, leave_network
from belvedere.viewers.words import Command, Do, Event, Show, Told

LONGEST_TEXT = 1000  # characters of an event's text
Say = Callable[[Told, str], None]


def run_program(listen_fd: int, show_it: Callable[[int, Say, Show], None]) -> NoReturn:
    """Read what to show, show it until that returns, and end. A fault is told, then ends it with status 1."""
    os.umask(0o077)
    say = announcer()
    try:
        show = read_show(_first_line())
        enter(show)
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


def announcer() -> Say:
    """Keeps standard output for events alone; whatever else is printed goes to standard error."""
    events = os.dup(1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(event: Told, text: str) -> None:
        line = json.dumps(asdict(Event(event=event, text=text[:LONGEST_TEXT])))
        with lock:
            os.write(events, line.encode() + b"\n")

    return say


def enter(show: Show) -> None:
    """Live in the work folder alone."""
    os.chdir(show.work)
    os.environ["HOME"] = os.environ["TMPDIR"] = show.work


def go_private() -> None:
    """Before the first thread: leave the machine's network, so that nobody reaches a port of ours nor we anybody's."""
    if can_leave_network():
        leave_network()
    else:
        sys.stderr.write("no network of its own: other users of this machine can reach this viewer's loopback ports\n")


def commands() -> Iterator[Do]:
    """What the host asks for, until standard input ends. Raises ValueError for what is no command."""
    for line in sys.stdin:
        yield read_command(line)


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
    known = {field.name: given[field.name] for field in fields(Show) if field.name in given}
    wrong = [name for name in ("folder", "path_prefix", "work") if not isinstance(known.get(name), str)]
    if wrong:
        raise ValueError(f"{wrong[0]}: a string is wanted")
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
