"""Keeps the memory of the process small: what it has freed goes back to the system.

glibc gives each thread an arena of its own, and keeps whatever lies below something that is still in use. A service
that reads the viewers' files once in a thread, and compiles hundreds of modules, would hold on to 30 MB of nothing.

Source: mallopt(3), malloc_trim(3).
"""

import contextlib
import ctypes
from typing import Final

_ARENA_MAX: Final = -8
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 1 << 20  # bytes from which on memory is asked of the system, and given back to it


def spare_memory() -> None:
    """From now on. Does nothing where the C library has no such settings."""
    libc = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):  # another C library than glibc
        libc.mallopt(_ARENA_MAX, 1)
        libc.mallopt(_TRIM_THRESHOLD, _LARGE)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    give_back()


def give_back() -> None:
    """What has been freed so far."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
