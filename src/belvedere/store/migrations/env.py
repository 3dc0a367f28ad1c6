"""Alembic's entry: runs the steps over the connection that `running` hands it, within its transaction."""

from alembic import context

from belvedere.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
