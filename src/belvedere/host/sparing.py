"""Keeps the memory of the process small: what it has freed goes back to the system.

glibc gives each thread an arena of its own, and keeps whatever lies below something that is still in use. A service
that reads the viewers' files once in a thread, and compiles hundreds of modules, would hold on to 30 MB of nothing.

Source: mallopt(3), malloc_trim(3), madvise(2), proc_pid_maps(5).
"""

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ARENA_MAX: Final = -8
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_MADV_COLLAPSE: Final = 25
_HUGE: Final = 1 << 21  # bytes of a huge page, here and on most machines; elsewhere nothing is collapsed
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


def collapse() -> None:
    """Keep what there is in huge pages, so that a fork has a five-hundredth of the entries to copy.

    What a fork then changes is copied by small pages, as ever. Does nothing where the kernel can't (before Linux 6.1).
    """
    libc = ctypes.CDLL(None)
    for begin, end in _own_memory():
        for at in range(-(-begin // _HUGE) * _HUGE, end - _HUGE + 1, _HUGE):
            libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(_HUGE), _MADV_COLLAPSE)


def _own_memory() -> Iterator[tuple[int, int]]:
    """From where to where this process has memory that no file is behind."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights == "rw-p" and (not name or name == ["[heap]"]):
            begin, end = place.split("-")
            yield int(begin, 16), int(end, 16)
