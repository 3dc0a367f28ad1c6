"""A warm parent: ``python -m belvedere.host.warm MODULE --control-fd N``.

It imports a viewer's program, prepares what all its viewers share, and then forks one per request. It has one thread
and opens nothing that a fork must not inherit. Each viewer is forked twice, so that it becomes the host's own child and
neither notices nor minds this parent's death.

On the control socket (SOCK_SEQPACKET): it sends ``ready`` once; then for each message with four or five descriptors
(listening socket, standard input, output, error, and the members of a control group to join) it answers with the
viewer's pid. The socket's end is its end.
"""

import argparse
import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

READY = b"ready"
FORK = b"fork"
DESCRIPTORS = 5  # at most


def serve(program: ModuleType, control: socket.socket) -> None:
    """Fork on request until the control socket ends."""
    program.prepare()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError(f"{program.__name__}.prepare() left a thread running; forks would not have it")
    gc.collect()
    gc.freeze()  # so that a collection in a child does not copy every page of the parent
    control.send(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, len(FORK), DESCRIPTORS)
        if not message:
            return
        pid = _fork(program, control, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(str(pid).encode())


def _fork(program: ModuleType, control: socket.socket, descriptors: list[int]) -> int:
    """The pid of a viewer that is nobody's child here."""
    from_middle, to_parent = os.pipe()
    middle = os.fork()
    if middle == 0:
        viewer = os.fork()
        if viewer == 0:
            _become_viewer(program, control, descriptors)
        os.write(to_parent, str(viewer).encode())
        os._exit(0)
    os.close(to_parent)
    pid = int(os.read(from_middle, 32))
    os.close(from_middle)
    os.waitpid(middle, 0)
    return pid


def _become_viewer(program: ModuleType, control: socket.socket, descriptors: list[int]) -> NoReturn:
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        control.close()
        listen_fd, stdin, stdout, stderr, *groups = descriptors
        for group in groups:
            _join(group)
        for number, descriptor in enumerate((stdin, stdout, stderr)):
            os.dup2(descriptor, number)
            os.close(descriptor)
        program.run(listen_fd)
    finally:
        os._exit(1)  # whatever happens, never return into the parent's loop


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
    serve(importlib.import_module(arguments.program), control)
    sys.exit(0)


if __name__ == "__main__":
    main()
