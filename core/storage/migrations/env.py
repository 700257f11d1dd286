"""Alembic's entry point. Runs on the connection that core.storage.database hands over, inside its transaction."""

from alembic import context

from core.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
