"""Who writes what comes: the loop itself, or a thread."""

import threading

import pytest

from belvedere.sources import pouring
from belvedere.sources.pouring import Pen

FEW, MANY = 10_000, 1_000_000  # bytes


async def writers(pen: Pen, *sizes: int) -> list[bool]:
    """For each write, whether the loop's own thread made it."""
    loops, seen = threading.current_thread(), list[bool]()
    for size in sizes:
        await pen.write(lambda: seen.append(threading.current_thread() is loops), size)
    return seen


async def test_a_few_bytes_wake_no_thread_and_many_do() -> None:
    assert await writers(Pen(), FEW, MANY, FEW) == [True, False, True]


async def test_after_a_write_that_took_long_threads_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pouring, "_QUICK", -1.0)  # so every write takes long
    assert await writers(Pen(), FEW, FEW, FEW) == [True, False, False]


@pytest.mark.parametrize("size", [FEW, MANY])
async def test_what_a_write_raises_is_raised(size: int) -> None:
    def refuse() -> None:
        raise LookupError("the disk's own")

    with pytest.raises(LookupError):
        await Pen().write(refuse, size)
