"""Waiting for a job's change."""

import asyncio
from datetime import UTC, datetime

from belvedere.lifecycle.jobs import Job
from belvedere.runtimes.board import Board

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LONG = 60.0  # seconds


def _job(version: int = 1) -> Job:
    return Job(
        id=7,
        project_id="p",
        name="run",
        train_url="/logs/run/",
        created_at=_NOW,
        updated_at=_NOW,
        intended_at=_NOW,
        version=version,
    )


async def test_a_change_wakes_all_who_wait_for_it() -> None:
    board = Board()
    board.put(_job())
    waiting = [asyncio.create_task(board.changed(7, _LONG)) for _ in range(3)]
    await asyncio.sleep(0)
    board.put(_job(version=2))
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_what_is_no_change_wakes_nobody() -> None:
    board = Board()
    board.put(_job())
    waiting = asyncio.create_task(board.changed(7, _LONG))
    await asyncio.sleep(0)
    board.put(_job())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_wait_ends_when_its_time_is_over() -> None:
    await asyncio.wait_for(Board().changed(7, 0.01), 5)


async def test_one_who_gives_up_keeps_no_other_from_hearing() -> None:
    board = Board()
    gone, stays = (asyncio.create_task(board.changed(7, _LONG)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    board.put(_job())
    await asyncio.wait_for(stays, 5)
