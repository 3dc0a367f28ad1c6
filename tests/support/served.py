"""The API of `tests.support.api` behind a real port, for clients that speak HTTP from another thread."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import structlog
import uvicorn

from belvedere.client import Client
from tests.support.api import PROJECT, Api, api_in_process

LIMIT = 30.0  # seconds
_Result = TypeVar("_Result")


class ServedApi:
    """The API, its address, and a way to turn its world from the test's thread."""

    def __init__(self, api: Api, endpoint: str, loop: asyncio.AbstractEventLoop) -> None:
        self.api = api
        self.endpoint = endpoint
        self.project_id = PROJECT
        self.token = api.tokens[f"admin@{PROJECT}"]
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run something of the API's in the API's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT)

    def meanwhile(self, work: Coroutine[Any, Any, object]) -> None:
        """Let something happen in the API's thread while the test goes on."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def client(self) -> Client:
        return Client(self.endpoint, self.project_id, self.token)

    @property
    def environ(self) -> dict[str, str]:
        """What makes the command line talk to it."""
        return {
            "BELVEDERE_ENDPOINT": self.endpoint,
            "BELVEDERE_TOKEN": self.token,
            "BELVEDERE_PROJECT_ID": self.project_id,
        }


@contextlib.contextmanager
def served_api(folder: Path) -> Iterator[ServedApi]:
    """The API on a free port until the block ends."""
    ready: list[ServedApi] = []
    started, stop = threading.Event(), threading.Event()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # standard output belongs to the test
    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, ready, started, stop)))
    thread.start()
    try:
        assert started.wait(LIMIT)
        yield ready[0]
    finally:
        stop.set()
        thread.join(LIMIT)
        structlog.reset_defaults()


async def _serve(folder: Path, ready: list[ServedApi], started: threading.Event, stop: threading.Event) -> None:
    async with api_in_process(folder) as api:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(api.app, log_config=None, lifespan="off"))
            serving = asyncio.create_task(server.serve([listener]))
            port = listener.getsockname()[1]
            ready.append(ServedApi(api, f"http://127.0.0.1:{port}", asyncio.get_running_loop()))
            started.set()
            await asyncio.to_thread(stop.wait)
            server.should_exit = True
            await serving
