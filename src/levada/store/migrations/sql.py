"""What revisions are written with: the connection that is being migrated, and scripts of frozen SQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from alembic import op

from levada.store.sqlite.upgrades import statements

SCRIPTS = Path(__file__).parent / "sql"


def dialect() -> str:
    """`sqlite` or `postgresql`."""
    return str(op.get_bind().dialect.name)


def sqlite_connection() -> sqlite3.Connection:
    """The connection of the standard library below Alembic's; inside its transaction."""
    connection = _driver_connection()
    assert isinstance(connection, sqlite3.Connection)
    return connection


def run_script(name: str) -> None:
    """Run every statement of a file in `sql/`."""
    script = (SCRIPTS / name).read_text(encoding="utf-8")
    if dialect() == "sqlite":
        for statement in statements(script):
            sqlite_connection().execute(statement)
    else:
        _driver_connection().execute(script)  # psycopg takes many statements at once when none has parameters


def _driver_connection() -> Any:
    return op.get_bind().connection.dbapi_connection
