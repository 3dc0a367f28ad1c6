"""Requests' bodies, read before a viewer hears of them: whoever is slow to say something keeps no viewer waiting."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from belvedere.gateway import answers
from belvedere.gateway.places import Asker, Full, Places

LARGEST: Final = 2**24  # bytes; what viewers are asked by POST has some KiB
LARGEST_QUESTION: Final = 2**20  # the same where a POST only asks for data, which is all that guests may do
SECONDS = 120.0  # for a whole body to come
EACH: Final = 8  # of one visitor's held at the same time
_AT_ONCE: Final = 1024  # of all visitors' together, if each is as small as they use to be
_BYTES: Final = 2**28  # of all of them, however many visitors send large ones
_BYTES_EACH: Final = 2**25  # of them one visitor's


class Bodies:
    """Reads them, and lets nobody have more than a few held here at a time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._places = Places(_AT_ONCE, each=EACH, each_guest=EACH, guests=_AT_ONCE // 2)
        self._held: Counter[Asker] = Counter()  # bytes

    @contextlib.asynccontextmanager
    async def of(self, request: web.BaseRequest, asker: Asker, most: int) -> AsyncIterator[bytearray | web.Response]:
        """The request's body while the context lasts, or the answer to one that is no good."""
        try:
            place = await self._places.take(asker)
        except Full:
            yield answers.too_many("requests with a body by you at the same time", retry_after=1)
            return
        body = bytearray()
        try:
            yield await self._read(request, asker, body, most)
        finally:
            self._held[asker] -= len(body)
            self._held += Counter()  # without those who hold nothing
            place.leave()

    async def _read(
        self, request: web.BaseRequest, asker: Asker, body: bytearray, most: int
    ) -> bytearray | web.Response:
        if answer := await _begin(request, most):
            return answer
        try:
            async with asyncio.timeout(SECONDS):
                async for data in request.content.iter_any():
                    body += data
                    self._held[asker] += len(data)
                    if len(body) > most:
                        return answers.too_large(most)
                    if self._held[asker] > _BYTES_EACH or self._held.total() > _BYTES:
                        return answers.too_many_bodies()
        except TimeoutError:
            return answers.unfinished()
        except web.RequestPayloadError:
            return answers.malformed()
        return body


async def _begin(request: web.BaseRequest, most: int) -> web.Response | None:
    """An answer to a body that is too large at first sight; else whoever asks whether to send it is told to."""
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        return answers.coded()
    if (request.content_length or 0) > most:
        return answers.too_large(most)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    return None
