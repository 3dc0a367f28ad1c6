"""Listening and stopping: sockets, two HTTP servers in one event loop, signals."""

import asyncio
import contextlib
import functools
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import uvicorn
from aiohttp import web
from starlette.types import ASGIApp

from belvedere.gateway.gateway import Gateway
from belvedere.identity.crowds import Crowd
from belvedere.server.bounded import BoundedHttp
from belvedere.server.doorway import Doorway

BACKLOG = 2048
DRAIN_SECONDS = 4.0  # for requests under way, in each server; both drain at once


class AddressInUse(Exception):
    """The address can't be listened on. The message names it and the remedy."""


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket. Raises AddressInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressInUse(
            f"Can't listen on {host}:{port} ({error.strerror}). Choose another port with --{setting}."
        ) from error
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


class _Uvicorn(uvicorn.Server):
    """Uvicorn without its own signal handling: the service decides what a signal means."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving_asgi(
    app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None = None, held_by: Crowd | None = None
) -> AsyncIterator[None]:
    """Serve an ASGI application while the context lasts, then drain. `held_by`: who may hold how many connections."""

    class Http(BoundedHttp):
        crowd = held_by or BoundedHttp.crowd

    def protocol(**options: Any) -> asyncio.Protocol:
        asked = Http(**options)
        return Doorway(asked, tls, Http.crowd) if tls else asked

    config = uvicorn.Config(
        app,
        http=protocol,  # type: ignore[arg-type]  # it is asked for a protocol, whatever makes it
        ws="none",  # nothing here speaks it, and it would pass by what all requests pass through
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(DRAIN_SECONDS),
    )
    server = _Uvicorn(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _TlsSite(web.BaseSite):
    """Where the gateway is asked by TLS."""

    def __init__(self, runner: web.ServerRunner, listener: socket.socket, tls: ssl.SSLContext, crowd: Crowd) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._listener = listener
        self._door = functools.partial(Doorway, tls=tls, crowd=crowd)

    @property
    def name(self) -> str:
        return f"https://{self._listener.getsockname()}"

    async def start(self) -> None:
        await super().start()
        asking = self._runner.server
        if asking is None:
            raise RuntimeError("the runner is not set up")
        self._server = await asyncio.get_running_loop().create_server(
            lambda: self._door(asking()), sock=self._listener, backlog=BACKLOG
        )


@contextlib.asynccontextmanager
async def serving_gateway(
    gateway: Gateway, listener: socket.socket, tls: ssl.SSLContext | None = None, held_by: Crowd | None = None
) -> AsyncIterator[None]:
    """Serve the gateway while the context lasts, then drain."""
    crowd = held_by or Crowd()
    runner = gateway.runner(shutdown_timeout=DRAIN_SECONDS, crowd=crowd)
    await runner.setup()
    site = web.SockSite(runner, listener, backlog=BACKLOG) if tls is None else _TlsSite(runner, listener, tls, crowd)
    await site.start()
    try:
        yield
    finally:
        await runner.cleanup()
        await gateway.close()


@contextlib.asynccontextmanager
async def serving_all(*servers: contextlib.AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """Serve with all of them while the context lasts; then they drain at once, not one after the other."""
    over = asyncio.Event()

    async def serve(server: contextlib.AbstractAsyncContextManager[None], is_up: asyncio.Event) -> None:
        async with server:
            is_up.set()
            await over.wait()

    async with asyncio.TaskGroup() as group:
        up = [asyncio.Event() for _ in servers]
        for server, is_up in zip(servers, up, strict=True):
            group.create_task(serve(server, is_up))
        for is_up in up:
            await is_up.wait()
        try:
            yield
        finally:
            over.set()


def heed_signals() -> Callable[[], Awaitable[signal.Signals]]:
    """From now on SIGTERM and SIGINT wait to be asked for: what is returned waits for the first and tells which came.

    Later ones change nothing: the end takes seconds, and one that is cut short would leave viewers behind. A terminal's
    Ctrl-C easily comes twice, once from the keyboard and once from the program that runs us.
    """
    came: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, came.put_nowait, number)
    return came.get
