"""The process that a TensorBoard viewer is: it hears its host, and keeps a data server and a worker.

It has one thread, so that it can fork, and does little, so that it weighs little: most viewers are asked nothing most
of the time.
"""

import contextlib
import os
import resource
import signal
from pathlib import Path
from typing import NoReturn

from belvedere.viewers import kit
from belvedere.viewers.kit import Say
from belvedere.viewers.tensorboard import ahead, webapp
from belvedere.viewers.tensorboard.damage import Damage
from belvedere.viewers.tensorboard.dataserver import DataServer, command_line
from belvedere.viewers.tensorboard.loop import Loop
from belvedere.viewers.tensorboard.worker import Workers
from belvedere.viewers.words import SOON, Do, Show, Told

STDIN = 0
CHUNK = 1 << 12
# Seconds between its looks at the folder. Each takes it 0.5 ms for twenty logs and 16 ms for a thousand, so that it may
# look twice as often as others are asked to: what comes from a store has waited for a look at the store already.
RELOAD = 1.0
TOO_MANY_FILES = (
    "There are more log files than this machine lets a viewer open: {:,}. Some runs are missing. Show a folder with "
    "fewer runs, or ask the operator to raise the limit of open files (LimitNOFILE in systemd, ulimit -Hn in a shell)."
)


def keep(listen_fd: int, say: Say, show: Show, binary: str) -> NoReturn:
    """Show it on the listening socket until standard input ends."""
    Path(webapp.LOGS).symlink_to(show.folder)  # in the work folder, where we are
    Keeper(listen_fd, say, show, binary).run()


class Keeper:
    """Implements `dataserver.Owner`."""

    def __init__(self, listen_fd: int, say: Say, show: Show, binary: str) -> None:
        self._say = say
        self._loop = Loop()
        self._partial = b""
        self._lack = ""
        self._damage = Damage(show.folder)
        if not ahead.descriptors():
            webapp.PORT.own()
        self._data_server = DataServer(command_line(binary, show.folder, RELOAD), self._loop, self)
        self._workers = Workers(self._loop, listen_fd, show, self._data_server.let_go)

    def run(self) -> NoReturn:
        """Until standard input ends."""
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        self._loop.watch(STDIN, self._obey)
        self._loop.step(0)  # mostly it is to load at once, and of all that is begun here the data server takes longest
        self._workers.start(answered=lambda: self._say(Told.ANSWERED, ""))
        self._say(Told.SERVING, SOON)
        while True:
            self._loop.step()

    def point_to(self, port: int | None) -> None:
        webapp.PORT.put(port)

    def loaded(self) -> None:
        self._say(Told.LOADED, "")

    def out_of_files(self) -> None:
        self._lack = TOO_MANY_FILES.format(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._note()

    def said(self, line: bytes) -> None:
        if self._damage.hear(line):
            self._note()

    def _note(self) -> None:
        self._say(Told.NOTE, " ".join(filter(None, (self._lack, self._damage.words()))))

    def given_up(self, text: str) -> None:
        self._close()
        kit.fail(self._say, text)

    def _obey(self) -> None:
        data = os.read(STDIN, CHUNK)
        *lines, self._partial = (self._partial + data).split(b"\n")
        try:
            for line in lines:
                match kit.read_command(line.decode()):
                    case Do.LOAD:
                        self._load()
                    case Do.LEAVE:
                        self._workers.leave(self._end)
        except (ValueError, OSError) as error:
            self.given_up(f"{type(error).__name__}: {error}")
        if not data:
            self._end()

    def _load(self) -> None:
        if self._damage.forget() or self._lack:  # it may be otherwise now
            self._lack = ""
            self._say(Told.NOTE, "")
        self._data_server.load()

    def _end(self) -> NoReturn:
        self._close()
        os._exit(0)

    def _close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._workers.close()
        self._data_server.close()
