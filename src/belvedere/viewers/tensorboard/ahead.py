"""A worker that was forked before it was known what it is for.

To fork a process of this size, and to touch its memory first, takes longer than to load a small log. So a spare viewer
forks its worker while nobody waits for it. Like its keeper it reads nothing of anybody's until it is behind its walls.
"""

import contextlib
import json
import os
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from belvedere.viewers import kit, sandbox
from belvedere.viewers.tensorboard import webapp
from belvedere.viewers.words import Show

Answered = Callable[[], None]
Work = Callable[[int, webapp.WsgiApp, int, Answered], NoReturn]
_LARGEST: Final = 1 << 17  # bytes of a task
_ANSWERED: Final = b"answered"
_JOIN: Final = b"join"


@dataclass(frozen=True)
class Ahead:
    """Such a worker, and the line to it, which says once that it has answered a request of its own."""

    pid: int
    line: socket.socket

    def has_answered(self) -> bool:
        """What the line says, once it can be read."""
        return self.line.recv(len(_ANSWERED)) == _ANSWERED


_made: list[Ahead] = []  # in this process, and not used yet


def fork(work: Work) -> Callable[[int], None]:
    """Make one; how it is told of a control group. From here on this process and its forks have a port of their own."""
    webapp.PORT.own()
    line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper, pid = os.getpid(), os.fork()
    if pid == 0:
        try:
            line.close()
            _await_task(theirs, keeper, work)
        finally:
            os._exit(1)
    theirs.close()
    _made.append(Ahead(pid, line))
    return lambda group: _tell_of_group(line, group)


def descriptors() -> tuple[int, ...]:
    """Of what has to stay open until it is used."""
    return tuple(made.line.fileno() for made in _made)


def use(listen_fd: int, show: Show) -> Ahead | None:
    """Let it answer requests on the socket; None if there is none. This process is behind its walls by now."""
    while _made:
        made = _made.pop()
        task = {"work": show.work, "user": show.user, "path_prefix": show.path_prefix}
        try:
            socket.send_fds(made.line, [json.dumps(task).encode()], [listen_fd, 2])
        except OSError:
            made.line.close()
            os.waitpid(made.pid, 0)  # it has ended
        else:
            return made
    return None


def _await_task(line: socket.socket, keeper: int, work: Work) -> NoReturn:
    sandbox.end_with(keeper)
    if not select.select([line], [], [], 0)[0]:  # else somebody waits already
        webapp.touch()
    message, descriptors, _, _ = socket.recv_fds(line, _LARGEST, 2)
    if message == _JOIN:
        kit.join(descriptors[0])
        message, descriptors, _, _ = socket.recv_fds(line, _LARGEST, 2)
    if not message:
        os._exit(0)  # there is nothing to do any more
    listen_fd, stderr = descriptors
    for number in (1, 2):
        os.dup2(stderr, number)
    task = json.loads(message)
    os.umask(0o077)
    sandbox.follow(sandbox.Confinement(logs=(), work=task["work"], kept=(listen_fd, line.fileno()), user=task["user"]))
    kit.live_in(task["work"])
    work(listen_fd, webapp.fast_app(task["path_prefix"]), keeper, lambda: _say_answered(line))


def _tell_of_group(line: socket.socket, group: int) -> None:
    with contextlib.suppress(OSError):  # it has ended; another one is forked in its place
        socket.send_fds(line, [_JOIN], [group])


def _say_answered(line: socket.socket) -> None:
    with line:
        line.send(_ANSWERED)
