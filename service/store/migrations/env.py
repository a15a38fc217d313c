"""Alembic's entry: applies the changes over the connection of ``service.store.schema``."""

from alembic import context

from service.store import every_table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=every_table.METADATA,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
