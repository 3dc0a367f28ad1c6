"""Writes that come at once: together on the disk, and each with an outcome of its own."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from belvedere.store import sqlite
from belvedere.store.database import CONNECTIONS, TOGETHER, Database


class Numbers:
    """A database of different numbers, which counts its commits."""

    def __init__(self, path: Path) -> None:
        engine = sqlite.open_engine(path, connections=CONNECTIONS)
        with sqlite.writing(engine).begin() as connection:
            connection.execute(text("CREATE TABLE numbers (n INTEGER UNIQUE)"))
        self.database = Database(readers=engine, writer=sqlite.writing(engine))
        self.commits = 0
        self.savepoints = 0
        event.listen(engine, "commit", self._count)
        event.listen(engine, "savepoint", self._count_savepoint)

    def _count(self, connection: Connection) -> None:
        self.commits += 1

    def _count_savepoint(self, connection: Connection, name: str | None) -> None:
        self.savepoints += 1

    async def write_at_once(self, *numbers: int) -> list[object]:
        """Write these while the writer is busy, so that all of them wait; what came of each."""
        is_busy, free = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def keep_busy(_: Connection) -> None:
            loop.call_soon_threadsafe(is_busy.set)
            free.wait()

        busy = asyncio.create_task(self.database.write(keep_busy))
        await is_busy.wait()
        writes = [asyncio.create_task(self.database.write(partial(_add, n=n))) for n in numbers]
        await asyncio.sleep(0)
        free.set()
        await busy
        return list(await asyncio.gather(*writes, return_exceptions=True))

    async def all(self) -> list[int]:
        return await self.database.read(lambda c: list(c.execute(text("SELECT n FROM numbers ORDER BY n")).scalars()))


def _add(connection: Connection, n: int) -> int:
    connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": n})
    return n


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[Numbers]:
    numbers = Numbers(tmp_path / "numbers.db")
    yield numbers
    numbers.database.close()


async def test_writes_that_wait_are_committed_together(numbers: Numbers) -> None:
    assert await numbers.write_at_once(*range(20)) == list(range(20))
    assert numbers.commits == 2  # that which kept the writer busy, and all others


async def test_writes_that_succeed_need_no_savepoints(numbers: Numbers) -> None:
    await numbers.write_at_once(*range(20))
    assert numbers.savepoints == 0


async def test_more_writes_than_one_transaction_takes_are_all_done(numbers: Numbers) -> None:
    assert await numbers.write_at_once(*range(TOGETHER + 1)) == list(range(TOGETHER + 1))


async def test_a_write_that_nobody_waits_for_any_more_stops_no_other(numbers: Numbers) -> None:
    given_up = asyncio.create_task(numbers.database.write(partial(_add, n=1)))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await numbers.write_at_once(2, 3) == [2, 3]


async def test_a_write_that_fails_harms_none_of_those_beside_it(numbers: Numbers) -> None:
    one, other, again, last = await numbers.write_at_once(1, 2, 1, 3)
    assert (one, other, last) == (1, 2, 3)
    assert isinstance(again, IntegrityError)
    assert await numbers.all() == [1, 2, 3]
