"""The program that shows one folder in TensorBoard: ``python -m … --listen-fd N``, or forked after `prepare`.

See `viewers.base.ViewerType` for what it reads and writes. Standard input's end, SIGTERM and a fault that it can't mend
end it at once, with its data server.
"""

import argparse
import functools
import os
import signal
import threading
from typing import NoReturn

from belvedere.viewers import kit
from belvedere.viewers.kit import Say
from belvedere.viewers.network import can_leave_network
from belvedere.viewers.tensorboard import webapp
from belvedere.viewers.tensorboard.dataserver import data_server_binary
from belvedere.viewers.tensorboard.loaders import Loader, PythonLoader, RustLoader
from belvedere.viewers.words import Do, Show, Told


def prepare() -> None:
    """Import and warm everything that does not depend on a job. Starts no thread."""
    webapp.prepare()
    can_leave_network()


def run(listen_fd: int, *, slow: bool = False) -> NoReturn:
    """Show what standard input says, on the listening socket, until it ends. `slow` forces the Python loader."""
    kit.run_program(listen_fd, functools.partial(_show, slow=slow))


def _show(listen_fd: int, say: Say, show: Show, *, slow: bool) -> None:
    kit.go_private()
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


def _loader(show: Show, say: Say, *, slow: bool) -> tuple[Loader, object]:
    def loaded() -> None:
        say(Told.LOADED, "")

    flags = webapp.flags_for(show.folder, show.path_prefix, show.reload_seconds)
    binary = None if slow else data_server_binary()
    if binary is None:
        return PythonLoader(flags, on_loaded=loaded), flags
    return RustLoader(binary, show, on_loaded=loaded, on_given_up=lambda text: kit.fail(say, text)), flags


def _obey(loader: Loader, say: Say) -> None:
    try:
        for do in kit.commands():
            match do:
                case Do.LOAD:
                    loader.load()
    except Exception as error:  # noqa: BLE001 - the last chance to say why
        loader.close()
        kit.fail(say, f"{type(error).__name__}: {error}")
    _end(loader)


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
