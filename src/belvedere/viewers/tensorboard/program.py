"""The program that shows one folder in TensorBoard: ``python -m … --listen-fd N``, or forked after `prepare`.

See `viewers.base.ViewerType` for what it reads and writes. Standard input's end, SIGTERM and a fault that it can't mend
end it at once, with its data server.
"""

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

import msgspec

from belvedere.viewers.base import Command, Do, Event, Show, Told
from belvedere.viewers.network import can_leave_network, leave_network
from belvedere.viewers.tensorboard import webapp
from belvedere.viewers.tensorboard.dataserver import data_server_binary
from belvedere.viewers.tensorboard.loaders import Loader, PythonLoader, RustLoader

Say = Callable[[Told, str], None]


def prepare() -> None:
    """Import and warm everything that does not depend on a job. Starts no thread."""
    webapp.prepare()
    can_leave_network()


def run(listen_fd: int, *, slow: bool = False) -> NoReturn:
    """Show what standard input says, on the listening socket, until it ends. `slow` forces the Python loader."""
    os.umask(0o077)
    say = _announcer()
    try:
        _run(listen_fd, say, slow=slow)
    except Exception as error:  # noqa: BLE001 - the last chance to say why
        traceback.print_exc()
        _fail(say, f"{type(error).__name__}: {error}")
    os._exit(0)


def _run(listen_fd: int, say: Say, *, slow: bool) -> None:
    show = msgspec.json.decode(sys.stdin.readline(), type=Show)
    os.chdir(show.work)
    os.environ["HOME"] = os.environ["TMPDIR"] = show.work
    _go_private()
    loader, flags = _loader(show, say, slow=slow)
    signal.signal(signal.SIGTERM, lambda *_: _end(loader))
    say(Told.LOADER, loader.name)
    threading.Thread(target=_obey, args=(loader, say), daemon=True).start()
    app = webapp.build_app(flags, loader.provider, loader.multiplexer)
    threading.Thread(target=webapp.first_request, args=(app,), daemon=True).start()
    server = webapp.Server(app, listen_fd)
    os.close(listen_fd)
    say(Told.SERVING, "")
    server.serve_forever(poll_interval=3600)  # nobody calls its shutdown(), so it need not look


def _go_private() -> None:
    """Before the first thread: take the data server's port out of everybody's reach."""
    if can_leave_network():
        leave_network()
    else:
        sys.stderr.write("no network of its own: other users of this machine can reach the data server's port\n")


def _loader(show: Show, say: Say, *, slow: bool) -> tuple[Loader, object]:
    def loaded() -> None:
        say(Told.LOADED, "")

    flags = webapp.flags_for(show.folder, show.path_prefix, show.reload_seconds)
    binary = None if slow else data_server_binary()
    if binary is None:
        return PythonLoader(flags, on_loaded=loaded), flags
    return RustLoader(binary, show, on_loaded=loaded, on_given_up=lambda text: _fail(say, text)), flags


def _obey(loader: Loader, say: Say) -> None:
    try:
        for line in sys.stdin:
            match msgspec.json.decode(line, type=Command).do:
                case Do.LOAD:
                    loader.load()
    except Exception as error:  # noqa: BLE001 - the last chance to say why
        loader.close()
        _fail(say, f"{type(error).__name__}: {error}")
    _end(loader)


def _announcer() -> Say:
    """Keeps standard output for events alone; whatever else is printed goes to standard error."""
    events = os.dup(1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(event: Told, text: str) -> None:
        with lock:
            os.write(events, msgspec.json.encode(Event(event=event, text=text[:1000])) + b"\n")

    return say


def _fail(say: Say, text: str) -> NoReturn:
    say(Told.FAILED, text)
    os._exit(1)


def _end(loader: Loader) -> NoReturn:
    loader.close()
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
