"""All that holds for SQLite alone: the file, the pragmas, and how transactions begin.

Several processes may open the same file. Writers take the lock when they begin and wait for each other; readers see the
state as of their first statement and wait for nobody.
"""

import os
import sqlite3
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

PATIENCE: Final = timedelta(seconds=15)  # how long a writer waits for those of other processes
WRITES: Final = "belvedere_writes"  # execution option of a connection whose transactions write
_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",  # in WAL mode, NORMAL may lose the last commits in a power cut
    "PRAGMA fullfsync = ON",  # where fsync alone leaves data in the drive's cache (macOS); nothing elsewhere
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
)
_WAL_TRIES: Final = 100  # at 50 ms each


def open_engine(path: Path, *, connections: int, patience: timedelta = PATIENCE) -> Engine:
    """An engine on the file, which is made (mode 0600) if it isn't there. Raises OSError."""
    _make_file(path)
    engine = create_engine(URL.create("sqlite", database=str(path)), pool_size=connections, max_overflow=0)
    event.listen(engine, "connect", partial(_on_connect, patience=patience))
    event.listen(engine, "begin", _on_begin)
    try:
        _use_wal(engine)
    except sqlite3.Error as error:
        engine.dispose()
        raise OSError(str(error)) from error
    return engine


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(**{WRITES: True})


def _make_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # so that the file's name survives a power cut as well as its content does
    finally:
        os.close(folder)


def _on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry, *, patience: timedelta) -> None:
    connection.isolation_level = None  # the driver would begin (deferred) by itself; `_on_begin` does
    cursor = connection.cursor()
    for pragma in (f"PRAGMA busy_timeout = {patience // timedelta(milliseconds=1)}", *_PRAGMAS):
        cursor.execute(pragma)
    cursor.close()


def _on_begin(connection: Connection) -> None:
    # A deferred transaction that reads first and then writes fails at once, without waiting, if another has written.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(engine: Engine) -> None:
    """Two processes that open a new file at the same moment get in each other's way here, where SQLite doesn't wait."""
    for attempt in range(_WAL_TRIES):
        try:
            mode = _set_wal(engine)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == _WAL_TRIES - 1:
                raise
            time.sleep(0.05)
        else:
            if mode != "wal":
                raise OSError(f"SQLite can't use write-ahead logging there (it uses {mode}): is it a network folder?")
            return


def _set_wal(engine: Engine) -> str:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        row = cursor.fetchone()
        return str(row[0]) if row else "no journal"
    finally:
        connection.close()
