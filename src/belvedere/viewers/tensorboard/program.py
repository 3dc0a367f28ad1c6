"""The program that shows one folder in TensorBoard: ``python -m … --listen-fd N``, or forked after `prepare`.

See `viewers.base.ViewerType` for what it reads and writes. Standard input's end, SIGTERM and a fault that it can't mend
end it at once, with its data server.
"""

import argparse
import functools
import os
import threading
from collections.abc import Callable
from typing import NoReturn

from belvedere.viewers.tensorboard import without  # noqa: F401 - before TensorBoard

# isort: split
from belvedere.viewers import kit, sandbox
from belvedere.viewers.kit import Say
from belvedere.viewers.tensorboard import ahead as forked_ahead
from belvedere.viewers.tensorboard import keeper, rehearsal, webapp
from belvedere.viewers.tensorboard.dataserver import data_server_binary
from belvedere.viewers.tensorboard.loaders import PythonLoader
from belvedere.viewers.tensorboard.worker import work
from belvedere.viewers.words import SLOW_LOADER, Show, Told
from belvedere.viewers.wsgi import Server


def prepare() -> None:
    """Import and warm everything that does not depend on a job. Starts no thread."""
    webapp.prepare()
    if binary := data_server_binary():
        rehearsal.rehearse(binary)
        webapp.CHANNEL.get_ready()
    sandbox.prepare()


def ahead() -> Callable[[int], None]:
    """Fork what will answer requests, before it is known what is shown; how to have it join a control group."""
    return forked_ahead.fork(work)


def run(listen_fd: int, *, slow: bool = False) -> NoReturn:
    """Show what standard input says, on the listening socket, until it ends. `slow` forces the Python loader."""
    kit.run_program(listen_fd, functools.partial(_show, slow=slow), kept=forked_ahead.descriptors())


def _show(listen_fd: int, say: Say, show: Show, *, slow: bool) -> None:
    binary = None if slow else data_server_binary()
    if binary is None:
        _show_slowly(listen_fd, say, show)
    else:
        say(Told.LOADER, "rust")
        keeper.keep(listen_fd, say, show, binary)


def _show_slowly(listen_fd: int, say: Say, show: Show) -> None:
    """With TensorBoard's own loader, all in one process."""
    say(Told.LOADER, SLOW_LOADER)
    flags = webapp.flags_for(show.folder, show.path_prefix, show.reload_seconds)
    loader = PythonLoader(flags, on_loaded=lambda: say(Told.LOADED, ""))
    server = Server(webapp.build_app(flags, loader.provider, loader.multiplexer), listen_fd)
    os.close(listen_fd)
    threading.Thread(target=_obey, args=(loader, server.leave, say), daemon=True).start()
    say(Told.SERVING, "")
    server.serve_forever(poll_interval=3600)  # nobody calls its shutdown(), so it need not look


def _obey(loader: PythonLoader, leave: Callable[[], None], say: Say) -> NoReturn:
    try:
        for _ in kit.loads(leave):
            loader.load()
    except Exception as error:  # noqa: BLE001 - the last chance to say why
        kit.fail(say, f"{type(error).__name__}: {error}")
    os._exit(0)


def main() -> NoReturn:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(description="Shows a folder in TensorBoard. Started by `belvedere host`.")
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--slow", action="store_true", help="use TensorBoard's Python loader")
    arguments = parser.parse_args()
    run(arguments.listen_fd, slow=arguments.slow)


if __name__ == "__main__":
    main()
