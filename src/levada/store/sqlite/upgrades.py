"""The ladder of schema versions: each step takes a database from one version to the next.

`PRAGMA user_version` says where a database stands: 0 is a new file, which gets ``schema.sql`` at once. A change of the
schema changes ``schema.sql`` and adds a step; a test proves that the steps and the file lead to the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from sqlite3 import Connection

from levada.core.errors import ConfigurationError
from levada.store.sqlite.steps import schema as schema
from levada.store.sqlite.steps import statements, to_version_2

VERSION = 2

Step = Callable[[Connection], None]

STEPS: Mapping[int, Step] = {1: to_version_2}
"""The step away from each older version: `STEPS[1]` takes version 1 to 2."""


def upgrade(connection: Connection, path: Path, steps: Mapping[int, Step] = STEPS, version: int = VERSION) -> None:
    """Bring a database to the present version, whatever it is; safe from several processes at once.

    Raises:
        ConfigurationError: the database is of a newer Levada.
    """
    found = _known_version(connection, path, version)
    if found == version:
        return
    if found == 0:
        # Takes effect only before the first table is written; larger pages hold more of our small rows.
        connection.execute("PRAGMA page_size = 8192")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _known_version(connection, path, version)  # another process may have been faster
        if found == 0:
            for statement in statements(schema()):
                connection.execute(statement)
            found = version
        while found < version:
            steps[found](connection)
            found += 1
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _known_version(connection: Connection, path: Path, version: int) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > version:
        raise ConfigurationError(
            f"The database {path} was written by a newer Levada (its schema is version {found}, this Levada knows "
            f"up to {version}). Upgrade Levada, or set LEVADA_HOME to another folder."
        )
    return found
