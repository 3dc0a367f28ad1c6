"""The steps to this version's schema, by Alembic. `schema` loads this when there are some to run."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from belvedere.store.migrations.schema import SchemaTooNew


def run_missing_steps(writer: Engine) -> None:
    """See `schema.bring_up_to_date`."""
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
