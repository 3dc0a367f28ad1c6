"""A viewer's answer on its way to the browser: as it comes, as a document of ours, or with secrets taken out."""

from typing import Final

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from belvedere.gateway.connection import Broken
from belvedere.gateway.documents import LARGEST, Documents, accepts_gzip, is_known
from belvedere.gateway.upstream import Answer

_LARGEST_ENVIRONMENT: Final = 2**20  # bytes
_OF_THE_BYTES = (
    "Content-Length",
    "Content-Encoding",
    "ETag",
    "Last-Modified",
    "Accept-Ranges",
    "Content-MD5",
    "Digest",
)


async def send(
    request: web.BaseRequest, answer: Answer, headers: CIMultiDict[str], *, before: bytes = b"", after: bytes = b""
) -> web.StreamResponse:
    """Stream the answer, between what comes `before` and `after` it. If either end goes, the browser is cut off."""
    if not (before or after) and (body := answer.whole()) is not None:  # head and body go together
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=body)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    try:
        await response.prepare(request)
        if before:
            await response.write(before)
        async for chunk in answer.chunks():
            await response.write(chunk)
        await response.write_eof(after)
    except (Broken, OSError):
        if request.transport is not None:
            request.transport.abort()
    return response


async def send_document(
    request: web.BaseRequest, answer: Answer, headers: CIMultiDict[str], documents: Documents, main_of: str
) -> web.StreamResponse:
    """Send the page with our script in it; compressed, if it is of a usual size.

    Raises Broken, and nothing has been sent then, if the viewer hangs up amid a page of a usual size.
    """
    for name in _OF_THE_BYTES:
        headers.popall(name, None)
    page, is_whole = await _read(answer, LARGEST)
    if not is_whole:
        return await send(request, answer, headers, before=page, after=documents.ending)
    document = documents.made_of(page, main_of)
    headers["ETag"] = document.etag
    headers.add("Vary", "Accept-Encoding")
    if is_known(document.etag, request.headers):
        return web.Response(status=304, headers=headers)
    if not accepts_gzip(request.headers):
        return web.Response(headers=headers, body=document.plain)
    headers["Content-Encoding"] = "gzip"
    return web.Response(headers=headers, body=document.gzipped)


async def send_environment(answer: Answer, headers: CIMultiDict[str], train_url: str) -> web.StreamResponse:
    """TensorBoard tells its command line and its data server's address in `debug`, and the folder that it reads.

    People see where their logs come from instead, in the words that they gave.
    """
    for name in _OF_THE_BYTES:
        headers.popall(name, None)
    try:
        body, is_whole = await _read(answer, _LARGEST_ENVIRONMENT)
        told = msgspec.json.decode(body if is_whole else b"", type=dict[str, msgspec.Raw])
    except (Broken, msgspec.MsgspecError):
        told = {}  # whatever it was, it is not shown unread
    kept: dict[str, object] = {name: value for name, value in told.items() if name != "debug"}
    if "data_location" in kept:
        kept["data_location"] = train_url
    headers["Content-Type"] = "application/json"
    return web.Response(status=answer.status, headers=headers, body=msgspec.json.encode(kept))


async def _read(answer: Answer, most: int) -> tuple[bytes, bool]:
    """The body, and whether that is all of it: it stops at the first chunk that exceeds `most` bytes."""
    body = bytearray()
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > most:
            return bytes(body), False
    return bytes(body), True
