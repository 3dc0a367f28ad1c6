"""The database file: made, migrated, shared, refused; and what the tables hold when nobody looks through the seam."""

import asyncio
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import create_engine, inspect, text

from belvedere.contract.errors import Unavailable
from belvedere.lifecycle.jobs import End, Intent, Job, Visibility, sources_of
from belvedere.lifecycle.status import status_of
from belvedere.store import migrations, sqlite
from belvedere.store.base import IdempotencyKey
from belvedere.store.opening import StoreError, open_store
from belvedere.store.tables import metadata
from tests.support.job_stores import PROJECT, SECOND, START, add, new_job, with_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "belvedere.db"


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


async def test_what_was_stored_is_there_when_opened_again(path: Path) -> None:
    with open_store(path) as stores:
        job = await add(stores.jobs)
        await stores.jobs.beat(START)
    with open_store(f"sqlite:///{path}") as stores:
        assert await stores.jobs.find(job.id) == job
        assert await stores.jobs.last_beat() == START


async def test_the_last_beat_stays_that_of_the_life_before(path: Path) -> None:
    with open_store(path) as stores:
        await stores.jobs.beat(START)
    with open_store(path) as stores:
        for n in (7, 8):
            await stores.jobs.beat(START + n * SECOND)
        assert await stores.jobs.last_beat() == START


def test_the_file_is_its_owners_alone(path: Path) -> None:
    with open_store(path):
        kept = [stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()]
    assert set(kept) == {0o600}


def test_the_migrations_make_what_the_tables_say(path: Path) -> None:
    with open_store(path):
        pass
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []


def before_sources(path: Path, row: dict[str, object]) -> None:
    """A database as the release before the several sources left it, with one job."""
    path.parent.mkdir()
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        known = [column["name"] for column in inspect(connection).get_columns("jobs")]
        assert "sources" not in known
        names = ", ".join(known)
        values = ", ".join(f":{name}" for name in known)
        connection.execute(text(f"INSERT INTO jobs ({names}) VALUES ({values})"), row)
    engine.dispose()


async def test_a_job_of_the_release_before_several_sources_keeps_its_train_url(tmp_path: Path) -> None:
    new, old = tmp_path / "new" / "belvedere.db", tmp_path / "old" / "belvedere.db"
    with open_store(new) as stores:
        job = await add(stores.jobs, train_url="/bucket/kept/", store="default")
    with closing(sqlite3.connect(new)) as connection:
        connection.row_factory = sqlite3.Row
        before_sources(old, dict(connection.execute("SELECT * FROM jobs").fetchone()))
    with open_store(old) as stores:
        found = await stores.jobs.get(PROJECT, job.id)
    assert found == job
    assert [(each.url, each.store) for each in sources_of(found)] == [("/bucket/kept/", "default")]


def test_a_database_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    with open_store(path):
        pass
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"newer version of Belvedere \(schema 9999"):
        open_store(path)
    assert rows(path, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("job_name,train_url\n" * 99)
    with pytest.raises(StoreError, match="not a database"):
        open_store(path)
    assert path.read_text().startswith("job_name")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be opened"):
        open_store(tmp_path)


@pytest.mark.parametrize("url", ["postgresql://u:hidden@h/d", "sqlite://", "://"])
def test_another_database_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///path") as refusal:
        open_store(url)
    assert "hidden" not in str(refusal.value)


def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: open_store(path), range(8)))
    for stores in opened:
        stores.close()
    assert len(rows(path, "SELECT version_num FROM alembic_version")) == 1


async def test_two_that_opened_one_file_see_each_others_jobs(path: Path) -> None:
    with open_store(path) as one, open_store(path) as other:
        jobs = await asyncio.gather(*(add(stores.jobs) for stores in (one, other) * 20))
        assert await other.jobs.known([job.id for job in jobs]) == await one.jobs.known(range(100))
        assert await one.jobs.count(PROJECT) == 40


async def test_two_that_opened_one_file_keep_one_quota(path: Path) -> None:
    with open_store(path) as one, open_store(path) as other:
        creates = (stores.jobs.create(new_job(), now=START, quota=5) for stores in (one, other) * 10)
        await asyncio.gather(*creates, return_exceptions=True)
        assert await one.jobs.count(PROJECT) == 5


async def test_a_busy_database_is_unavailable_and_nothing_is_written(path: Path) -> None:
    with (
        open_store(path, patience=timedelta(0)) as stores,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="nothing was changed"):
            await add(stores.jobs)
        other.execute("ROLLBACK")
        assert await stores.jobs.count(PROJECT) == 0


def test_writes_wait_for_the_disk(path: Path) -> None:
    engine = sqlite.open_engine(path, connections=1)
    with engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    engine.dispose()
    assert found == ["wal", 2, 1]


async def a_busy_life(path: Path) -> list[Job]:
    """Jobs in many statuses, some changed, some deleted; those that are left."""
    with open_store(path) as stores:
        for n in range(6):
            job = await add(stores.jobs, owner=f"user-{n % 2}", tags=("x", "y"))
            job = await with_run(stores.jobs, job, end=tuple(End)[n] if n % 2 else None, waiting=None)
            if n == 2:
                await stores.jobs.replace(replace(job, visibility=Visibility.PRIVATE), look_at=None)
            if n == 4:
                await stores.jobs.replace(replace(job, intent=Intent.DELETE), look_at=None)
        (claim,) = await stores.jobs.claim_due("me", now=START, lease=SECOND, limit=1)
        await stores.jobs.settle(claim, None, look_at=None, now=START)
        found = [await stores.jobs.find(job_id) for job_id in sorted(await stores.jobs.known(range(100)))]
    return [job for job in found if job]


async def test_the_projected_status_is_the_computed_one(path: Path) -> None:
    jobs = await a_busy_life(path)
    projected = rows(path, "SELECT id, status FROM jobs ORDER BY id")
    assert projected == [(job.id, status_of(job).value) for job in jobs]


async def test_the_kept_counts_are_those_of_the_rows(path: Path) -> None:
    await a_busy_life(path)
    kept = rows(path, "SELECT project_id, audience, status, n FROM job_counts WHERE n <> 0 ORDER BY 1, 2, 3")
    assert kept == rows(
        path, "SELECT project_id, audience, status, count(*) FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )


async def test_nothing_of_a_deleted_job_is_left(path: Path) -> None:
    jobs = await a_busy_life(path)
    for table in ("job_tags", "job_events"):
        assert rows(path, f"SELECT DISTINCT job_id FROM {table} ORDER BY 1") == [(job.id,) for job in jobs]


async def test_expired_keys_are_removed_on_the_way(path: Path) -> None:
    with open_store(path) as stores:
        for n in range(3):
            key = IdempotencyKey(key=f"k{n}", digest="d")
            await stores.jobs.create(new_job(), now=START + n * 90_000 * SECOND, key=key, quota=9)
    assert rows(path, "SELECT key FROM idempotency_keys") == [("k2",)]
