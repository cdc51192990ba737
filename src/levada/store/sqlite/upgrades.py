"""The schema of a file: made when it is new, brought up to date when it is older.

A new file gets ``schema.sql`` at once. One that is up to date costs a single SELECT. Only an older one loads Alembic
and the chain in `levada.store.migrations`; tests prove that both ways lead to the same tables.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from levada.core.errors import ConfigurationError
from levada.store.migrations.standing import (
    HEAD,
    VERSION_QUERY,
    VERSION_TABLE,
    WORKS_WITH,
    WORKS_WITH_KEY,
    Found,
    Standing,
    standing,
    too_new,
)

BUSY_SECONDS = 30.0
"""How long one statement waits for the lock of another process."""

LEGACY_VERSIONS = {1: "0001"}
"""Revisions of files that are older than the chain, by their `PRAGMA user_version`."""

_USER_VERSION = 2
"""Since the chain, `user_version` stays at this; it makes a Levada that is older than the chain refuse the file."""


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file to the present schema, whatever it is; safe from several processes at once.

    Raises:
        ConfigurationError: a newer Levada changed it in ways that this one does not understand, or it is not ours.
    """
    if schema_version(connection) == HEAD:
        return
    found = found_in_sqlite(connection)
    stands = standing(found.version, found.works_with)
    if found.foreign:
        raise ConfigurationError(
            f"The database {path} was written by a newer Levada, or by something else: this one does not know its "
            "tables. Upgrade Levada, or set LEVADA_HOME to another folder."
        )
    if stands is Standing.TOO_NEW:
        raise too_new(f"The database {path}", str(found.version), "set LEVADA_HOME to another folder")
    if stands is Standing.EMPTY:
        _make_file(connection)
    elif stands is Standing.OLDER:
        from levada.store.migrations.chain import Chain  # lazy: Alembic is needed only by what is not up to date
        from levada.store.migrations.places import SqlitePlace  # lazy: as above

        Chain().bring_up_to_date(SqlitePlace(path))


def found_in_sqlite(connection: sqlite3.Connection) -> Found:
    """What an open file says about its schema."""
    version = schema_version(connection)
    if version is not None:
        kept = connection.execute("SELECT value FROM meta WHERE key = ?", (WORKS_WITH_KEY,)).fetchone()
        return Found(version, None if kept is None else bytes(kept[0]).decode("ascii"), stamped=True)
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchone()
    legacy = LEGACY_VERSIONS.get(number)
    return Found(legacy, None, stamped=False, foreign=legacy is None and bool(tables or number))


def schema_version(connection: sqlite3.Connection) -> str | None:
    """The revision that a file says it is at."""
    try:
        row = connection.execute(VERSION_QUERY).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return None
    return None if row is None else str(row[0])


def begin_file(connection: sqlite3.Connection) -> None:
    """Say of a new file, before its first table is written, how its pages are kept."""
    connection.execute("PRAGMA page_size = 8192")  # larger pages hold more of our small rows
    connection.execute("PRAGMA journal_mode = WAL")


def _make_file(connection: sqlite3.Connection) -> None:
    begin_file(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if schema_version(connection) is None:  # another process may have been faster
            make(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def make(connection: sqlite3.Connection) -> None:
    """Make the tables of the present revision, inside the transaction of a connection."""
    for statement in [*statements(schema()), VERSION_TABLE]:
        connection.execute(statement)
    connection.execute("INSERT INTO alembic_version VALUES (?)", (HEAD,))
    connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (WORKS_WITH_KEY, WORKS_WITH.encode("ascii")))
    connection.execute(f"PRAGMA user_version = {_USER_VERSION}")


def schema() -> str:
    """The SQL that makes the tables of the present revision."""
    return Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")


def statements(script: str) -> list[str]:
    """The statements of a script, so that they can be run inside one transaction; `executescript` would commit."""
    found, open_one = [], ""
    for line in script.splitlines():
        code = line.partition("--")[0].rstrip()
        open_one += code + "\n" if code else ""
        # A trigger holds semicolons of its own: SQLite says where its statement ends.
        if code.endswith(";") and sqlite3.complete_statement(open_one):
            found.append(open_one.strip().removesuffix(";"))
            open_one = ""
    return found
