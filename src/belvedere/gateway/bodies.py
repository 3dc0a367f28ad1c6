"""Requests' bodies, read before a viewer hears of them: whoever is slow to say something keeps no viewer waiting."""

import asyncio
import contextlib
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


class Bodies:
    """Reads them, and lets nobody have more than a few held here at a time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._places = Places(_AT_ONCE, each=EACH, each_guest=EACH, guests=_AT_ONCE // 2)

    @contextlib.asynccontextmanager
    async def of(self, request: web.BaseRequest, asker: Asker, most: int) -> AsyncIterator[bytes | web.Response]:
        """The request's body while the context lasts, or the answer to one that is no good."""
        try:
            place = await self._places.take(asker)
        except Full:
            yield answers.too_many("requests with a body by you at the same time", retry_after=1)
            return
        try:
            yield await _read(request, most)
        finally:
            place.leave()


async def _read(request: web.BaseRequest, most: int) -> bytes | web.Response:
    if (request.content_length or 0) > most:
        return answers.too_large(most)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for data in request.content.iter_any():
                body += data
                if len(body) > most:
                    return answers.too_large(most)
    except TimeoutError:
        return answers.unfinished()
    except web.RequestPayloadError:
        return answers.malformed()
    return bytes(body)
