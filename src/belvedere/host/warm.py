"""A warm parent: ``python -m belvedere.host.warm MODULE --control-fd N``.

It imports a viewer's program, prepares what all its viewers share, and then forks one per request. It has one thread
and opens nothing that a fork must not inherit. One fork is always made ahead: a spare, which waits for its viewer.

Each viewer is forked twice, so that it becomes the host's own child and neither notices nor minds this parent's death.
The process in the middle lives as long as the spare waits: until then that is no child of the host, which would take it
for an orphan. All of them end when this parent does.

On the control socket (SOCK_SEQPACKET): it sends ``ready`` once; then for each message with four or five descriptors
(listening socket, standard input, output, error, and the members of a control group to join) it answers with the
viewer's pid. The socket's end is its end.
"""

import argparse
import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from belvedere.viewers import sandbox

READY = b"ready"
FORK = b"fork"
DESCRIPTORS = 5  # at most
QUIET = 0.1  # seconds without a request after which the next spare is made: until then its viewer needs the machine


class Spare:
    """A fork that waits for its viewer."""

    def __init__(self, program: ModuleType, control: socket.socket) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        held, self._hold = os.pipe()
        from_middle, to_parent = os.pipe()
        self._middle = os.fork()
        if self._middle == 0:
            try:
                for end in (control, self._line):
                    end.close()
                os.close(self._hold)
                _be_the_middle(program, theirs, held, to_parent)
            finally:
                os._exit(1)
        theirs.close()
        os.close(held)
        os.close(to_parent)
        self.pid = int(os.read(from_middle, 32))
        os.close(from_middle)

    def give(self, descriptors: list[int]) -> None:
        """Let it become a viewer, which from now on is nobody's child here. Raises OSError if it has ended."""
        try:
            socket.send_fds(self._line, [FORK], descriptors)
        finally:
            self._line.close()
            os.close(self._hold)
            os.waitpid(self._middle, 0)


def serve(program: ModuleType, control: socket.socket) -> None:
    """Fork on request until the control socket ends. Enables garbage collection once the program is prepared."""
    program.prepare()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError(f"{program.__name__}.prepare() left a thread running; forks would not have it")
    gc.collect()
    gc.freeze()  # so that a collection in a child does not copy every page of the parent
    gc.enable()
    spare: Spare | None = Spare(program, control)
    control.send(READY)
    while True:
        if spare is None and not select.select([control], [], [], QUIET)[0]:
            spare = Spare(program, control)
        message, descriptors, _, _ = socket.recv_fds(control, len(FORK), DESCRIPTORS)
        if not message:
            return
        pid = _give(spare, descriptors) or _give(Spare(program, control), descriptors)
        spare = None
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(str(pid).encode())


def _give(spare: Spare | None, descriptors: list[int]) -> int | None:
    if spare is not None:
        with contextlib.suppress(OSError):
            spare.give(descriptors)
            return spare.pid
    return None


def _be_the_middle(program: ModuleType, line: socket.socket, held: int, to_parent: int) -> NoReturn:
    with contextlib.suppress(OSError):  # the viewer tries itself then, and can say why it fails
        sandbox.separate()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(held)
            os.close(to_parent)
            if sandbox.is_separated():
                sandbox.stage()
            _await_viewer(program, line)
        finally:
            os._exit(1)  # whatever happens, never return into the parent's loop
    line.close()
    os.write(to_parent, str(pid).encode())
    os.read(held, 1)
    os._exit(0)


def _await_viewer(program: ModuleType, line: socket.socket) -> NoReturn:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    message, descriptors, _, _ = socket.recv_fds(line, len(FORK), DESCRIPTORS)
    line.close()
    if not message:
        os._exit(0)  # the parent has ended
    listen_fd, stdin, stdout, stderr, *groups = descriptors
    for group in groups:
        _join(group)
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    program.run(listen_fd)
    os._exit(1)


def _join(group: int) -> None:
    """Be counted in a control group from now on. Without that the host's weighing has to do."""
    with contextlib.suppress(OSError):
        os.write(group, b"0")
    os.close(group)


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
