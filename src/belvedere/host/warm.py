"""A warm parent: ``python -m belvedere.host.warm MODULE --control-fd N``.

It imports a viewer's program, prepares what all its viewers share, and then forks one per request. It has one thread
and opens nothing that a fork must not inherit. What it forks is a spare: it waits, as far behind its walls as it can
be, for its viewer, which the host hands to it.

Each is the host's own child, and neither notices nor minds this parent's death. A spare ends when the host does.

On the control socket (SOCK_SEQPACKET): it sends ``ready`` once; then for each message, ``spare`` or ``haste``, it
answers with the pid of a spare and a descriptor, the line to the spare. One that is made in haste, because its viewer
waits for it, does nothing ahead that could be left out. The socket's end is its end.
On the line (likewise) a spare takes one message with four or five descriptors: listening socket, standard input,
output, error, and the members of a control group to join.
"""

import argparse
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from belvedere.host.sparing import collapse, give_back
from belvedere.viewers import sandbox
from belvedere.viewers.kit import join

READY = b"ready"
SPARE = b"spare"
HASTE = b"haste"
FORK = b"fork"
DESCRIPTORS = 5  # at most
Join = Callable[[int], None]


def serve(program: ModuleType, control: socket.socket) -> None:
    """Fork on request until the control socket ends. Enables garbage collection once the program is prepared."""
    program.prepare()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError(f"{program.__name__}.prepare() left a thread running; forks would not have it")
    gc.collect()
    give_back()
    gc.freeze()  # so that a collection in a child does not copy every page of the parent
    collapse()
    gc.enable()
    control.send(READY)
    while asked := control.recv(len(SPARE)):
        _make_spare(program, control, in_haste=asked == HASTE)


def _make_spare(program: ModuleType, control: socket.socket, *, in_haste: bool) -> None:
    line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = _fork_beside()
    if pid == 0:
        try:
            control.close()
            line.close()
            _await_viewer(program, theirs, _get_ready(program, in_haste=in_haste))
        finally:
            os._exit(1)  # whatever happens, never return into the parent's loop
    theirs.close()
    socket.send_fds(control, [str(pid).encode()], [line.fileno()])
    line.close()


def _fork_beside() -> int:
    """Fork a child of the host; its pid, and 0 in there."""
    try:
        return sandbox.fork_beside()
    except OSError:  # the viewer tries itself then to stand alone, and can say why it fails
        return _fork_twice()


def _fork_twice() -> int:
    """The same, for the host becomes the parent of orphans."""
    from_middle, to_parent = os.pipe()
    middle = os.fork()
    if middle == 0:
        pid = os.fork()
        if pid != 0:
            os.write(to_parent, str(pid).encode())
            os._exit(0)
        os.close(from_middle)
        os.close(to_parent)
        return 0
    os.close(to_parent)
    os.waitpid(middle, 0)
    with open(from_middle, "rb") as pipe:  # noqa: PTH123 - a descriptor
        return int(pipe.read())


def _get_ready(program: ModuleType, *, in_haste: bool) -> Join | None:
    """Do all that does not depend on the viewer; how what was forked for that joins a control group."""
    os.setsid()
    if not sandbox.is_separated():
        return None
    sandbox.stage()
    return program.ahead() if hasattr(program, "ahead") and not in_haste else None


def _await_viewer(program: ModuleType, line: socket.socket, others_join: Join | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    message, descriptors, _, _ = socket.recv_fds(line, len(FORK), DESCRIPTORS)
    line.close()
    if not message:
        os._exit(0)  # the host has ended, or needs it no more
    listen_fd, stdin, stdout, stderr, *groups = descriptors
    for group in groups:
        if others_join is not None:
            others_join(group)
        join(group)
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    program.run(listen_fd)
    os._exit(1)


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(description="A warm parent of viewers. Started by `belvedere host`.")
    parser.add_argument("program", help="module with prepare() and run(listen_fd)")
    parser.add_argument("--control-fd", type=int, required=True)
    arguments = parser.parse_args()
    control = socket.socket(fileno=arguments.control_fd)
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # imports make next to no garbage; `serve` collects what there is
    serve(importlib.import_module(arguments.program), control)
    sys.exit(0)


if __name__ == "__main__":
    main()
