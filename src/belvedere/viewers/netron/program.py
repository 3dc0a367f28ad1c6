"""The program that shows a folder's models in Netron: ``python -m … --listen-fd N``.

Netron is a page that reads a model in the browser. What is served here is that page for each model, its files, the
models, and a list of them. Runs in Netron's environment, with the standard library.

Two things of that page are for the Internet and not for here: with its version it reports to its maker who opened what,
and asks for consent to that; with its date it refuses to work when it is half a year old. So it learns neither.
"""

import contextlib
import html
import os
import re
import shutil
import socketserver
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import quote, unquote

from belvedere.viewers import kit
from belvedere.viewers.kit import Say
from belvedere.viewers.leaving import Leaving
from belvedere.viewers.netron.names import is_model
from belvedere.viewers.words import Show, Told

SHOW: Final = "/show/"
DATA: Final = "data/"
_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-src 'none'"
)
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css",
    ".json": "application/json",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
_VERSION_AND_DATE: Final = re.compile(r'<meta name="(version|date)"[^>]*>')
_ASKED_ALREADY: Final = "consent=none; SameSite=Lax"  # a cookie: there is nothing to consent to
_LIST: Final = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Models</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
:root { color-scheme: light dark }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid #8884; padding: .5rem .5rem .5rem 0 }
td:last-child { text-align: right; white-space: nowrap }
</style></head><body><h1>Models</h1>{}</body></html>"""


def run(listen_fd: int) -> NoReturn:
    """Show what standard input says, on the listening socket, until it ends."""
    kit.run_program(listen_fd, _show)


def _show(listen_fd: int, say: Say, show: Show) -> None:
    with Server(listen_fd, Path(show.folder), show.path_prefix) as server:
        kit.obey(say, lambda: say(Told.LOADED, ""), server.leave)  # what is there is looked for when it is asked for
        say(Told.SERVING, "")
        server.serve_forever(poll_interval=3600)


class Server(Leaving, socketserver.UnixStreamServer):
    """Serves a folder's models on a listening unix socket that was handed in."""

    def __init__(self, listen_fd: int, folder: Path, prefix: str) -> None:
        super().__init__("", _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = self.socket.__class__(fileno=listen_fd)
        self.folder = folder
        self.prefix = prefix
        package = find_spec("netron")
        places = package.submodule_search_locations if package else None
        self.netron = Path(next(iter(places or [""])))

    def handle_error(self, request: object, client_address: object) -> None:
        """Browsers break connections all the time; that is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it comes

    def models(self) -> dict[str, int]:
        """Size in bytes of each model by its key, in order."""
        return dict(sorted(self._models()))

    def _models(self) -> Iterator[tuple[str, int]]:
        for parent, _, names in os.walk(self.folder, followlinks=True):  # a link for each of several sources
            for path in (Path(parent, name) for name in names if is_model(name)):
                with contextlib.suppress(OSError):  # it is gone since
                    yield path.relative_to(self.folder).as_posix(), path.stat().st_size


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0].removeprefix(self.server.prefix))
        if path == "/":
            self._answer(200, ".html", self._list().encode())
        elif path.startswith(SHOW):
            self._show(path.removeprefix(SHOW))
        else:
            self._answer(404, "", b"Nothing is at this path.")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _show(self, path: str) -> None:
        """Paths of a model's page are below its key: ``KEY/`` itself, Netron's files, and ``KEY/data/NAME``."""
        key = next((key for key in self.server.models() if path.startswith(f"{key}/")), None)
        rest = path[len(key) + 1 :] if key else ""
        if key is None:
            self._answer(404, "", b"There is no such model.")
        elif rest == "":
            self._answer(200, ".html", self._page(key), cookie=_ASKED_ALREADY)
        elif rest.startswith(DATA):
            self._file((self.server.folder / key).parent, rest.removeprefix(DATA))
        else:
            self._file(self.server.netron, rest)

    def _file(self, folder: Path, name: str) -> None:
        path = folder / name
        if "/" in name or name in {"", "..", "."} or not path.is_file():
            self._answer(404, "", b"There is no such file.")
            return
        with path.open("rb") as file:
            self._head(200, path.suffix, os.fstat(file.fileno()).st_size)
            if self.command != "HEAD":
                shutil.copyfileobj(file, self.wfile)

    def _page(self, key: str) -> bytes:
        base = key.rpartition("/")[2]
        told = {"type": "Python", "file": DATA + quote(base), "name": key, "identifier": base}
        meta = "".join(f'<meta name="{name}" content="{html.escape(value)}">' for name, value in told.items())
        page = _VERSION_AND_DATE.sub("", (self.server.netron / "index.html").read_text(encoding="utf-8"))
        return page.replace("<title>", f"{meta}<title>", 1).encode()

    def _list(self) -> str:
        rows = "".join(self._row(key, size) for key, size in self.server.models().items())
        listed = f"<table>{rows}</table>" if rows else "<p>There is no model here yet.</p>"
        return _LIST.replace("{}", listed)

    def _row(self, key: str, size: int) -> str:
        return f'<tr><td><a href="show/{quote(key)}/">{html.escape(key)}</a></td><td>{_size(size)}</td></tr>'

    def _answer(self, status: int, suffix: str, body: bytes, cookie: str = "") -> None:
        self._head(status, suffix, len(body), cookie)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, suffix: str, size: int, cookie: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", _TYPES.get(suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "private, no-cache")
        self.send_header("Content-Security-Policy", _POLICY)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Connection", "close")  # as `Leaving` wants it
        self.end_headers()

    def address_string(self) -> str:
        return "gateway"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """The gateway keeps the access log."""


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


if __name__ == "__main__":
    kit.main(run, "Shows a folder's models in Netron.")
