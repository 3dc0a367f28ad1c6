"""Bringing a database to this version's schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


class SchemaTooNew(Exception):
    """A newer version of the program has written to the database."""


def bring_up_to_date(writer: Engine) -> None:
    """Run the steps that are missing, all or none. Of two processes, one runs them while the other waits.

    Raises SchemaTooNew for a database that knows steps that we don't.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with writer.begin() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
        if present == script.get_current_head():
            return
        if present is not None and present not in {step.revision for step in script.walk_revisions()}:
            raise SchemaTooNew(
                f"it was written by a newer version of Belvedere (schema {present}; this version knows up to "
                f"{script.get_current_head()}). Start that version, or restore a backup from before it"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
