"""The program that shows one folder in MindInsight: ``python -m … --listen-fd N``, or forked after `prepare`.

Runs in MindInsight's own environment. See `viewers.base.ViewerType` for what it reads and writes. It is one process,
so standard input's end and any signal end all of it at once.
"""

import functools
import os
import threading
from pathlib import Path
from typing import Final, NoReturn

from werkzeug.test import Client

from belvedere.viewers import kit, sandbox
from belvedere.viewers.kit import Say
from belvedere.viewers.mindinsight import board
from belvedere.viewers.mindinsight.layout import CACHED, LISTED, Layout
from belvedere.viewers.mindinsight.names import run_of
from belvedere.viewers.words import Show, Told
from belvedere.viewers.wsgi import Server

LOADER: Final = "mindinsight"
SLOWEST_LOOK: Final = 10.0  # seconds between two looks at a folder in which nothing changes


def prepare() -> None:
    """Import and warm everything that does not depend on a job. Starts no thread."""
    Client(_app()).get(board.FIRST)
    sandbox.prepare()


def run(listen_fd: int) -> NoReturn:
    """Show what standard input says, on the listening socket, until it ends."""
    kit.run_program(listen_fd, _show)


@functools.cache
def _app() -> board.WsgiApp:
    return board.build()


def _show(listen_fd: int, say: Say, show: Show) -> None:
    app = _app()
    work = Path(show.work)
    layout = Layout(Path(show.folder), work / "summaries", run_of)
    reader = board.open_folder(str(work / "summaries"), str(work))
    say(Told.LOADER, LOADER)
    following = Following(layout, reader, say, show.reload_seconds)
    server = Server(app, listen_fd)
    os.close(listen_fd)
    kit.obey(say, following.load, server.leave)
    say(Told.SERVING, "")
    server.serve_forever(poll_interval=3600)  # nobody calls its shutdown(), so it need not look


class Following:
    """Keeps what is shown up to date with a folder."""

    def __init__(self, layout: Layout, reader: board.Reader, say: Say, pause: float) -> None:
        """`pause`: seconds between two looks while something changes."""
        self._layout = layout
        self._reader = reader
        self._say = say
        self._pause = pause
        self._told = ""
        self._loading = False
        self._rewritten = threading.Event()

    def load(self) -> None:
        """Read the folder now, or anew."""
        if self._loading:
            self._rewritten.set()
        else:
            self._loading = True
            threading.Thread(target=self._follow_or_fail, daemon=True).start()

    def _follow_or_fail(self) -> None:
        """A thread's end alone would leave a viewer that shows what was, for ever."""
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - the last chance to say why
            kit.fail(self._say, f"{type(error).__name__}: {error}")

    def _follow(self) -> None:
        self._layout.follow()
        self._reader.read()
        self._say(Told.LOADED, "")
        pause = self._pause
        while True:
            self._tell()
            if self._rewritten.wait(pause):
                self._rewritten.clear()
                self._reader.forget()
                self._layout.forget()
            changed = self._layout.follow()
            if changed:
                self._reader.read()
            pause = self._pause if changed else min(pause * 1.5, SLOWEST_LOOK)

    def _tell(self) -> None:
        words = " ".join(filter(None, (self._reader.words(), limits_of(self._layout.runs))))
        if words != self._told:
            self._told = words
            self._say(Told.NOTE, words)


def limits_of(runs: int) -> str:
    """What MindInsight's limits mean for so many runs; "" if they are kept."""
    if runs > LISTED:
        return (
            f"MindInsight lists {LISTED} runs; of the {runs:,} here the oldest are left out. Name a folder with fewer."
        )
    if runs > CACHED:
        return f"MindInsight keeps the {CACHED} newest of the {runs} runs loaded; another one loads when it is opened."
    return ""


if __name__ == "__main__":
    kit.main(run, "Shows a folder in MindInsight.")
