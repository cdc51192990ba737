"""The tables of a home, as the first Levada made them: runs, logs, artifacts, limits.

There was no PostgreSQL yet, so there this step makes nothing.
"""

from __future__ import annotations

from levada.core.errors import ConfigurationError
from levada.store.migrations import sql

revision = "0001"
down_revision = None
expands = False
rewrites: dict[str, tuple[str, ...]] = {}


def upgrade() -> None:
    """Make the tables."""
    if sql.dialect() == "sqlite":
        sql.run_script("r0001.sqlite.sql")
        sql.sqlite_connection().execute("PRAGMA user_version = 1")


def downgrade() -> None:
    """There is nothing before."""
    raise ConfigurationError("There is nothing before revision 0001; `levada database reset` empties a database.")
