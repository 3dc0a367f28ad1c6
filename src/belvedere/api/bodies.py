"""Reading a request's body, bounded while it streams in."""

from starlette.requests import Request

from belvedere.contract.errors import BodyTooLarge
from belvedere.contract.limits import BODY_BYTES

# A body that is too large is still read up to here, and dropped: a client that is cut off while it sends sees a broken
# connection instead of our answer.
_DROPPED_BYTES = 64 * 2**20


_KEPT = "belvedere.body"  # in the scope: whoever checks a signature reads the body first


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLarge past 12 MB; no more than that is ever held. May be called again."""
    if _KEPT not in request.scope:
        request.scope[_KEPT] = await _read(request)
    body: bytes = request.scope[_KEPT]
    return body


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_BYTES:
            chunks.append(chunk)
        else:
            chunks.clear()
            if size > _DROPPED_BYTES:
                break
    if size > BODY_BYTES:
        raise BodyTooLarge(f"The body is larger than {BODY_BYTES // 2**20} MB. Send a smaller one.")
    return b"".join(chunks)
