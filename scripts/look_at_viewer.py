# ruff: noqa: INP001 - a script, no package
"""Follow a job's one-time link as a browser does, and make sure that a TensorBoard with data stands behind it."""

import http.cookiejar
import json
import socket
import sys
import urllib.request
from urllib.parse import urljoin, urlsplit

TIMEOUT = 60  # seconds
_resolve = socket.getaddrinfo


def resolve(host, *arguments, **options):
    """Find names below localhost here, as browsers do by themselves and Python does not."""
    here = isinstance(host, str) and host.endswith(".localhost")
    return _resolve("127.0.0.1" if here else host, *arguments, **options)


def main() -> None:
    """Print what is there; end with a sentence on standard error if it isn't a viewer with data."""
    socket.getaddrinfo = resolve
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
    with browser.open(sys.argv[1], timeout=TIMEOUT) as page:
        address = page.url
        if b"TensorBoard" not in page.read():
            sys.exit(f"demo: {urlsplit(address).path} shows no TensorBoard")
    with browser.open(urljoin(address, "data/runs"), timeout=TIMEOUT) as answer:
        runs = json.load(answer)
    if not runs:
        sys.exit("demo: the viewer shows no runs")
    sys.stdout.write(f"The viewer shows {len(runs)} runs: {', '.join(runs)}\n")


if __name__ == "__main__":
    main()
