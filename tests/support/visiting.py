"""A client that finds ``*.localhost`` as browsers do: at this machine. Python asks the system, which may not know."""

import httpx2


class _AtHome(httpx2.HTTPTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.host.endswith(".localhost"):
            return super().handle_request(request)
        here = request.url.copy_with(host="127.0.0.1")  # the header Host goes on naming what was asked for
        return super().handle_request(
            httpx2.Request(request.method, here, headers=request.headers, stream=request.stream)
        )


def visitor(*, timeout: float, follow_redirects: bool = False) -> httpx2.Client:
    """A person's browser, but for what it draws."""
    return httpx2.Client(transport=_AtHome(), timeout=timeout, follow_redirects=follow_redirects)
