"""What a thread does for a connection: it receives and writes bytes while they are in the processor's cache."""

import os
import select
import threading
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from belvedere.sources.base import Write

_DRAINED: Final = 2**16  # bytes that a thread receives at once: more would be out of the cache when they are written
_DRAIN_SECONDS: Final = 0.5  # after which a thread tells how far it got
_PATIENCE: Final = 50  # milliseconds that it waits for more bytes; a slow line must not hold it
_HOT: Final = threading.local()  # each thread's room


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that a thread received and wrote; what kept it from more; whether no more came for a while."""

    count: int
    error: OSError | None = None
    waited: bool = False


def write_all(write: Write, pieces: Sequence[bytes], most: int) -> None:
    """Write the first `most` bytes."""
    for piece in pieces:
        if most > 0:
            write(piece[:most])
        most -= len(piece)


def drain(descriptor: int, pieces: Sequence[bytes], most: int, write: Write) -> Drained:
    """Write `pieces`, and up to `most` bytes that come. Blocks for half a second at most, and for `write`."""
    for piece in pieces:
        write(piece)
    if not hasattr(_HOT, "room"):
        _HOT.room = memoryview(bytearray(_DRAINED))
    count, until = 0, time.monotonic() + _DRAIN_SECONDS
    coming = select.poll()
    coming.register(descriptor, select.POLLIN)
    while count < most and time.monotonic() < until:
        try:
            came = os.readv(descriptor, [_HOT.room[: most - count]])
        except BlockingIOError:
            if not coming.poll(_PATIENCE):
                return Drained(count=count, waited=True)
            continue
        except OSError as error:
            return Drained(count=count, error=error)
        if not came:
            return Drained(count=count, error=ConnectionResetError("the answer was cut"))
        write(_HOT.room[:came])
        count += came
    return Drained(count=count)
