"""Runs the revisions as posthouse_owner over the connection that `posthouse.platform.migrate` hands in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None, version_table="posthouse_revision")
with context.begin_transaction():
    context.run_migrations()
