"""The process that answers requests, for as long as there are any.

A viewer that nobody asks for a second has none: what serving a request has touched, some megabytes, is given back, and
its keeper forks another one when the next connection comes, which takes it two milliseconds.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final, NoReturn

from belvedere.viewers import sandbox
from belvedere.viewers.tensorboard import ahead, webapp
from belvedere.viewers.tensorboard.loop import Loop
from belvedere.viewers.words import Show
from belvedere.viewers.wsgi import Server

REST: Final = 1.0  # seconds without a connection after which it ends
GRACE: Final = 0.5  # seconds before another one, if one broke down


class Workers:
    """The keeper's side: has a worker while there is a connection, and for a while after that. Never two."""

    def __init__(self, loop: Loop, listen_fd: int, show: Show, let_go: Callable[[], None]) -> None:
        """`let_go` is called in each worker, for what is the keeper's alone."""
        self._loop = loop
        self._listen_fd = listen_fd
        self._show = show
        self._let_go = let_go
        self._pid: int | None = None
        self._left: Callable[[], None] | None = None

    def start(self, answered: Callable[[], None] | None = None) -> None:
        """Have one. With `answered` nobody has asked yet: it gets ready for whoever does, and that is called then."""
        made = ahead.use(self._listen_fd, self._show) if answered else None
        if made and answered:
            self._loop.watch(made.line.fileno(), lambda: self._heard(made, answered))
        self._pid = made.pid if made else self._fork(answered)
        pidfd = os.pidfd_open(self._pid)
        self._loop.watch(pidfd, lambda: self._ended(pidfd))

    def _fork(self, answered: Callable[[], None] | None) -> int:
        keeper, pid = os.getpid(), os.fork()
        if pid == 0:
            try:
                self._loop.close()
                self._let_go()
                work(self._listen_fd, webapp.fast_app(self._show.path_prefix), keeper, answered)
            finally:
                os._exit(1)
        return pid

    def _heard(self, made: ahead.Ahead, answered: Callable[[], None]) -> None:
        self._loop.forget(made.line.fileno())
        with made.line:
            if made.has_answered():
                answered()

    def close(self) -> None:
        """End it."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)

    def leave(self, then: Callable[[], None]) -> None:
        """Let it finish what it is answering; then call this, and have no other."""
        self._left = then
        if self._pid is None:
            then()
        else:
            os.kill(self._pid, signal.SIGTERM)

    def await_connection(self) -> None:
        """Start one as soon as somebody comes."""
        self._loop.watch(self._listen_fd, self._wanted)

    def _wanted(self) -> None:
        self._loop.forget(self._listen_fd)
        self.start()

    def _ended(self, pidfd: int) -> None:
        self._loop.forget(pidfd)
        os.close(pidfd)
        assert self._pid is not None  # noqa: S101 - it was watched
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        if self._left is not None:
            self._left()
        if status:
            sys.stderr.write(f"the process that answers requests broke down: {os.waitstatus_to_exitcode(status)}\n")
        self._loop.after(GRACE if status else 0.0, self.await_connection)


def work(listen_fd: int, app: webapp.WsgiApp, keeper: int, answered: Callable[[], None] | None) -> NoReturn:
    """Answer requests until there have been none for a while, or the keeper ends."""
    sandbox.end_with(keeper)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if answered is not None:
        threading.Thread(target=_get_ready, args=(app, answered), daemon=True).start()
    server = _RestingServer(app, listen_fd)
    os.close(listen_fd)
    # Not in the handler itself: the thread that it interrupts may hold the lock.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.leave, daemon=True).start())
    server.serve_forever(poll_interval=REST / 4)
    os._exit(0)


def _get_ready(app: webapp.WsgiApp, answered: Callable[[], None]) -> None:
    if webapp.first_request(app):
        answered()


class _RestingServer(Server):
    """Ends its process when there has been no connection for a while."""

    def service_actions(self) -> None:
        """Called again and again by the thread that takes connections: no other can come between look and end."""
        self.end_if_idle_for(REST)
