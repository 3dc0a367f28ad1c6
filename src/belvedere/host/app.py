"""The control API, as `protocol` describes it: HTTP on a unix socket that only our own user can open."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from belvedere.host.host import Host
from belvedere.host.protocol import HOST_HEADER, HostInfo, ViewerSpec
from belvedere.lifecycle.seen import ABSENT
from belvedere.sources.stores import ObjectStore

LARGEST_BODY = 4 << 20  # bytes: fifty sources with all the patterns that they may have take half of it
LONGEST_WAIT = 25.0  # seconds that a question for changes waits
LONGEST_TAIL = 10_000

Body = TypeVar("Body")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    """Routes to a host. Keeps the time of the last request, by which the host knows that it is wanted."""

    def __init__(
        self,
        host: Host,
        info: Callable[[], HostInfo],
        put_stores: Callable[[list[ObjectStore]], None],
        shut_down: Callable[[], None],
    ) -> None:
        self._host = host
        self._info = info
        self._host_id = info().host_id
        self._put_stores = put_stores
        self._shut_down = shut_down
        self._asking = 0
        self._last_asked = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """How long nobody has asked for anything."""
        return 0.0 if self._asking else time.monotonic() - self._last_asked

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application(middlewares=[self._count, _explain], client_max_size=LARGEST_BODY)
        application.add_routes(
            [
                web.get("/v1/host", self._get_host),
                web.put("/v1/stores", self._stores),
                web.get("/v1/viewers", self._look),
                web.put("/v1/viewers/{job_id}", self._ensure),
                web.delete("/v1/viewers/{job_id}", self._remove),
                web.get("/v1/viewers/{job_id}/logs", self._logs),
                web.post("/v1/uses", self._use),
                web.get("/v1/changes", self._changes),
                web.get("/v1/metrics", self._metrics),
                web.post("/v1/shutdown", self._shutdown),
            ]
        )
        return application

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._asking += 1
        try:
            if request.headers.get(HOST_HEADER, self._host_id) != self._host_id:
                return _json({"error": "This is another viewer host."}, status=421)
            return await handler(request)
        finally:
            self._asking -= 1
            self._last_asked = time.monotonic()

    async def _get_host(self, request: web.Request) -> web.Response:
        return _json(self._info())

    async def _stores(self, request: web.Request) -> web.Response:
        self._put_stores(await _body(request, list[ObjectStore]))
        return _json({})

    async def _look(self, request: web.Request) -> web.Response:
        wanted = request.query.get("ids")
        if wanted is None:
            return _json({str(job_id): seen for job_id, seen in self._host.look_at_all().items()})
        job_ids = [_number(word, "ids", 2**63 - 1) for word in wanted.split(",") if word]
        return _json({str(job_id): seen for job_id in job_ids if (seen := self._host.look(job_id)) != ABSENT})

    async def _ensure(self, request: web.Request) -> web.Response:
        spec = await _body(request, ViewerSpec)
        if spec.job_id != _job_id(request):
            raise _BadInput("job_id: the body names another job than the path.")
        seen = self._host.ensure(spec)
        fenced = seen.attempt is not None and seen.attempt > spec.attempt
        return _json(seen, status=409 if fenced else 200)

    async def _remove(self, request: web.Request) -> web.Response:
        return _json(self._host.remove(_job_id(request)))

    async def _logs(self, request: web.Request) -> web.Response:
        tail = _number(request.query.get("tail", "100"), "tail", LONGEST_TAIL)
        return _json(self._host.logs(_job_id(request), tail))

    async def _use(self, request: web.Request) -> web.Response:
        self._host.use(await _body(request, list[int]))
        return _json({})

    async def _changes(self, request: web.Request) -> web.Response:
        after = _number(request.query.get("after", "0"), "after", 2**53)
        return _json(await self._host.changes(after, LONGEST_WAIT))

    async def _metrics(self, request: web.Request) -> web.Response:
        return _json(self._host.metrics())

    async def _shutdown(self, request: web.Request) -> web.Response:
        asyncio.get_running_loop().call_soon(self._shut_down)
        return _json({})


class _BadInput(ValueError):
    """The request is wrong; the message says how."""


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except _BadInput as error:
        return _json({"error": str(error)}, status=400)


async def _body(request: web.Request, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _BadInput(f"The body can't be read: {error}.") from error


def _job_id(request: web.Request) -> int:
    return _number(request.match_info["job_id"], "job_id", 2**63 - 1)


def _number(text: str, name: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= largest):
        raise _BadInput(f"{name}: a whole number from 0 to {largest} is wanted.")
    return int(text)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
