"""What was answered survives kill -9, whenever it comes. (A power cut is SQLite's promise, with synchronous=FULL.)"""

import asyncio
import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from belvedere.lifecycle.clock import utc_now
from belvedere.store.opening import open_store

ROOT = Path(__file__).parents[2]


@contextmanager
def creating(path: Path) -> Iterator["Popen[str]"]:
    command = [sys.executable, "-m", "tests.support.creating_jobs", str(path)]
    with Popen(command, cwd=ROOT, stdout=PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def killed_after(path: Path, answers: int) -> list[int]:
    """Ids that a process printed before it was killed at some moment after so many of them."""
    with creating(path) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(answers)]
        process.kill()
        rest = process.stdout.read()
        return told + [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.e2e
def test_every_answered_job_survives_kill_9(tmp_path: Path) -> None:
    path, told = tmp_path / "belvedere.db", []
    for _ in range(5):
        told += killed_after(path, random.randint(1, 40))
    with open_store(path) as stores:
        known = asyncio.run(stores.jobs.known(told))
    assert known == set(told)
    assert len(told) == len(known)


@pytest.mark.e2e
def test_a_killed_process_leaves_a_sound_database(tmp_path: Path) -> None:
    path = tmp_path / "belvedere.db"
    killed_after(path, 30)
    with open_store(path):
        pass
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA foreign_key_check") == []


@pytest.mark.e2e
def test_counts_events_and_tags_are_whole_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "belvedere.db"
    killed_after(path, 30)
    counted = rows(path, "SELECT status, n FROM job_counts WHERE n <> 0 ORDER BY 1")
    assert counted == rows(path, "SELECT status, count(*) FROM jobs GROUP BY 1 ORDER BY 1")
    ((jobs,),) = rows(path, "SELECT count(*) FROM jobs")
    assert rows(path, "SELECT count(*) FROM job_events") == [(jobs,)]
    assert rows(path, "SELECT count(*) FROM job_tags") == [(2 * int(str(jobs)),)]


@pytest.mark.e2e
def test_a_process_killed_while_it_makes_the_database_leaves_one_that_opens(tmp_path: Path) -> None:
    for n in range(4):
        path = tmp_path / f"{n}.db"
        with creating(path) as process:
            while not path.exists():
                assert process.poll() is None
        with open_store(path) as stores:
            asyncio.run(stores.jobs.beat(utc_now()))
