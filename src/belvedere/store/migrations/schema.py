"""The schema of this version, and whether a database has it: told without Alembic, whose import takes long.

Most starts find the schema as it is and need no more than this.
"""

import importlib
from typing import Final

from sqlalchemy import Engine, column, inspect, select, table

HEAD: Final = "0010"  # the newest step's revision
_PRESENT: Final = table("alembic_version", column("version_num"))


class SchemaTooNew(Exception):
    """A newer version of the program has written to the database."""


def bring_up_to_date(writer: Engine) -> None:
    """Run the steps that are missing, all or none. Of two processes, one runs them while the other waits.

    Raises SchemaTooNew for a database that knows steps that we don't.
    """
    if not _is_current(writer):
        importlib.import_module("belvedere.store.migrations.running").run_missing_steps(writer)


def _is_current(engine: Engine) -> bool:
    with engine.connect() as connection:
        if not inspect(connection).has_table(_PRESENT.name):
            return False
        return connection.execute(select(_PRESENT)).scalars().all() == [HEAD]
