"""When viewers fall asleep."""

import asyncio

import pytest
import uvloop

from belvedere.host.sleeping import Alarm, Rest, sleep_at


def rest(used_at: float, sleep_after: float | None) -> Rest:
    return Rest(used_at=used_at, sleep_after=sleep_after)


@pytest.mark.parametrize(
    ("rests", "settled_at", "expected"),
    [
        ([rest(100, 10)], 50, 110),
        ([rest(100, 10)], 200, 210),  # it loaded for long: that was no rest
        ([rest(100, 10), rest(100, 60)], 50, 160),
        ([rest(100, 10), rest(140, 10)], 50, 150),
        ([rest(100, None)], 50, None),
        ([rest(100, 10), rest(100, None)], 50, None),
    ],
)
def test_a_viewer_sleeps_when_the_last_of_its_jobs_may(
    rests: list[Rest], settled_at: float, expected: float | None
) -> None:
    assert sleep_at(rests, settled_at) == expected


async def rung(alarm_times: dict[int, float | None], changes: dict[int, float | None]) -> list[int]:
    """Which keys ring when the alarm has been set so, then so; times are relative to now."""
    loop, ringing = asyncio.get_running_loop(), list[int]()
    alarm = Alarm(ringing.append)
    for times in (alarm_times, changes):
        for key, time in times.items():
            alarm.set(key, None if time is None else loop.time() + time)
    for _ in range(3):
        await asyncio.sleep(0)
    alarm.close()
    return ringing


async def test_what_is_due_rings_in_order_and_once() -> None:
    assert await rung({1: -1.0, 2: -2.0, 3: 60.0}, {}) == [2, 1]


async def test_what_was_put_off_does_not_ring() -> None:
    assert await rung({1: 60.0, 2: -1.0}, {2: 60.0}) == []


async def test_what_was_brought_forward_rings() -> None:
    assert await rung({1: 60.0, 2: 90.0}, {2: -1.0}) == [2]


async def test_what_was_taken_back_does_not_ring() -> None:
    assert await rung({1: -1.0, 2: -1.0}, {1: None}) == [2]


def test_what_is_due_already_may_be_set_anew_on_the_loop_that_hosts_have() -> None:
    assert uvloop.run(rung({1: -1.0, 2: -2.0}, {})) == [2, 1]
