"""Opening the database: the file, its schema, and the stores on it."""

from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from belvedere.lifecycle.clock import Clock, utc_now
from belvedere.store import sqlite
from belvedere.store.audit import SqlAuditStore
from belvedere.store.database import CONNECTIONS, Database
from belvedere.store.identities import SqlIdentityStore
from belvedere.store.jobs import SqlJobStore
from belvedere.store.log_stores import SqlLogStoreRecords
from belvedere.store.migrations.schema import SchemaTooNew, bring_up_to_date
from belvedere.store.passes import SqlPassStore
from belvedere.store.quotas import SqlQuotaStore
from belvedere.store.shares import SqlShareStore


class StoreError(Exception):
    """The database can't be opened; the message says why and what to do."""


class Stores:
    """An open database. Close it; or use it as a context manager."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self.jobs = SqlJobStore(database, clock)
        self.log_stores = SqlLogStoreRecords(database)
        self.identities = SqlIdentityStore(database)
        self.passes = SqlPassStore(database)
        self.shares = SqlShareStore(database)
        self.audit = SqlAuditStore(database)
        self.quotas = SqlQuotaStore(database)

    def close(self) -> None:
        """Finish the transactions that have begun, then let the file go. May be called again."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_store(url_or_path: str | Path, *, clock: Clock = utc_now, patience: timedelta = sqlite.PATIENCE) -> Stores:
    """The stores on this SQLite file (a path, or ``sqlite:///path``), made or migrated first where that is needed.

    Several processes may open one file; a writer waits as long as `patience` for another's to finish. Raises
    StoreError: it is no such database, can't be written, or was written by a newer version of the program.
    """
    path = _path_of(url_or_path)
    try:
        engine = sqlite.open_engine(path, connections=CONNECTIONS, patience=patience)
        writer = _migrated(engine)
    except (OSError, DatabaseError, SchemaTooNew) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        raise StoreError(f"The database {path} can't be opened: {cause}.") from error
    return Stores(Database(readers=engine, writer=writer), clock)


def _migrated(engine: Engine) -> Engine:
    writer = sqlite.writing(engine)
    try:
        bring_up_to_date(writer)
    except BaseException:
        engine.dispose()
        raise
    return writer


def _path_of(url_or_path: str | Path) -> Path:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return Path(url_or_path)
    url = _parse(url_or_path)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise StoreError(f"{url.render_as_string()} is no database for this version: give a path, or sqlite:///path.")
    return Path(url.database)


def _parse(text: str) -> URL:
    try:
        return make_url(text)
    except ArgumentError as error:
        raise StoreError("The database URL can't be understood: give a path, or sqlite:///path.") from error
