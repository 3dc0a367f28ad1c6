"""A server for viewers that are WSGI applications, on a listening unix socket that was handed in."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import serving

from belvedere.viewers.leaving import Leaving


class Server(Leaving, serving.ThreadedWSGIServer):
    """Serves an application on a listening unix socket that was handed in."""

    def __init__(self, app: Callable[[Any, Any], Iterable[bytes]], listen_fd: int) -> None:
        super().__init__("unix://viewer", 0, app, _Handler, fd=listen_fd)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Browsers break connections all the time; that is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(serving.WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """The gateway keeps the access log."""
