"""Calls that hang keep neither the loop, nor other calls, nor the end of the process."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from belvedere.sources import hanging
from belvedere.sources.hanging import OF_ONE_PLACE, beside


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hanging calls wait for."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_result_and_an_error_come_back() -> None:
    assert await beside("a", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await beside("a", lambda: 1 / 0)


async def test_many_that_hang_leave_room_for_others(gate: threading.Event) -> None:
    stuck = [asyncio.create_task(beside(f"mount {n}", gate.wait)) for n in range(50)]
    assert await beside("disk", lambda: "answered") == "answered"
    assert not any(each.done() for each in stuck)
    gate.set()
    assert all(await asyncio.gather(*stuck))


async def test_whoever_waits_long_enough_is_told(gate: threading.Event) -> None:
    with pytest.raises(OSError, match="does not answer"):
        await beside("mount", gate.wait, limit=0.01)


async def test_a_place_that_hangs_gets_no_more_calls_until_it_answers(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hanging, "LATE", -1.0)
    stuck = [asyncio.create_task(beside("this mount", gate.wait)) for _ in range(OF_ONE_PLACE)]
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="does not answer"):
        await beside("this mount", lambda: "asked")
    gate.set()
    await asyncio.gather(*stuck)
    assert await beside("this mount", lambda: "asked") == "asked"


def test_a_process_ends_though_calls_hang() -> None:
    program = (
        "import asyncio, time; from belvedere.sources.hanging import beside\n"
        "async def main():\n"
        "    task = asyncio.create_task(beside('mount', lambda: time.sleep(3600)))\n"
        "    await asyncio.sleep(0.05); task.cancel()\n"
        "asyncio.run(main())"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
