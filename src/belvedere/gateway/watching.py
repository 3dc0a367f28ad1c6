"""Looks after answers that take long: whoever may no longer look is cut off amid them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from belvedere.gateway.routes import RouteMatch

EVERY: Final = 1.0  # seconds between two looks
IsWelcome = Callable[[web.BaseRequest, RouteMatch], Awaitable[bool]]
_log = structlog.get_logger("belvedere.gateway")


class Watch:
    """Asks again and again, about every answer that goes on, whether its asker is still welcome."""

    def __init__(self, is_welcome: IsWelcome, every: float = EVERY) -> None:
        """Belongs to the running event loop, and works until it is closed."""
        self._is_welcome = is_welcome
        self._every = every
        self._going_on: dict[int, tuple[web.BaseRequest, RouteMatch]] = {}
        self._task = asyncio.create_task(self._run())

    def begin(self, request: web.BaseRequest, route: RouteMatch) -> None:
        """Watch over the answer, until its `end`."""
        self._going_on[id(request)] = request, route

    def end(self, request: web.BaseRequest) -> None:
        """The answer is over."""
        del self._going_on[id(request)]

    async def close(self) -> None:
        """Stop looking."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            known = set(self._going_on)
            await asyncio.sleep(self._every)
            for place in known & self._going_on.keys():  # those that took longer than a moment
                await self._look(place)

    async def _look(self, place: int) -> None:
        request, route = self._going_on.get(place, (None, None))
        if request is None or route is None:  # it ended while another was looked at
            return
        try:
            is_welcome = await self._is_welcome(request, route)
        except Exception:  # noqa: BLE001 - as with a database that is busy: the next look will tell
            _log.exception("can't tell whether somebody may still look", job_id=route.job_id)
            return
        if not is_welcome and request.transport is not None:
            request.transport.abort()
