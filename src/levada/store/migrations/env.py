"""Alembic runs this to migrate: on a connection that `levada.store.migrations.chain` has put into a transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], on_version_apply=context.config.attributes["applied"]
)
context.run_migrations()
