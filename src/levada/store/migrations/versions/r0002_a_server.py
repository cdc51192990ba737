"""What a server needs: facts, events, leases of writers, messages and moments of change; PostgreSQL begins here."""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import Connection
from typing import Any

from levada.core.errors import ConfigurationError
from levada.store.bodies import RunBody
from levada.store.facts import facts_of
from levada.store.migrations import sql
from levada.wire.records import RunChanged, RunOpened

revision = "0002"
down_revision = "0001"
expands = False
rewrites: dict[str, tuple[str, ...]] = {"sqlite": ("flow_runs", "task_runs", "logs", "artifacts")}

_NEW = {
    "flow_runs": {"expected": "created", "changed": "coalesce(ended, started, created)"},
    "task_runs": {"changed": "0"},
}
"""What stands in new columns that may not be empty."""

_GONE = "flow_run_tags"


def upgrade() -> None:
    """Make the tables; on SQLite, move the rows into them."""
    if sql.dialect() == "postgresql":
        sql.run_script("r0002.postgres.sql")
        return
    database = sql.sqlite_connection()
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    old = [name for name in tables if name != "alembic_version" and not name.startswith("sqlite_")]
    for (index,) in database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall():
        database.execute(f"DROP INDEX {index}")
    for table in old:
        database.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    sql.run_script("r0002.sqlite.sql")
    for table in old:
        if table != _GONE:
            _move(database, table)
        database.execute(f"DROP TABLE old_{table}")
    _add_facts(database)
    database.execute("PRAGMA user_version = 2")  # by which a Levada older than this chain knows to refuse the file


def downgrade() -> None:
    """Rows of this revision say things that the first Levada cannot read."""
    raise ConfigurationError("Revision 0002 cannot be taken back: restore the backup that was made before the upgrade.")


def _move(database: Connection, table: str) -> None:
    kept = _columns(database, f"old_{table}")
    new = _NEW.get(table, {})
    names, values = [*kept, *new], [*kept, *new.values()]
    database.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM old_{table} ORDER BY {kept[0]}"
    )


def _columns(database: Connection, table: str) -> list[str]:
    return [name for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def _add_facts(database: Connection) -> None:
    """By which runs are looked for from now on; tags were before, parameters and labels are in the rows' bodies."""
    rows = database.execute("SELECT id, body FROM flow_runs")
    database.executemany("INSERT OR IGNORE INTO flow_run_facts (fact, run) VALUES (?, ?)", _facts(rows))


def _facts(rows: Any) -> Iterator[tuple[str, bytes]]:
    for run, stored in rows:
        body = RunBody.decode(stored)
        shown: dict[str, str] = {}
        labels: dict[str, Any] = {}
        tags: list[str] = []
        records: list[RunOpened | RunChanged] = [*body.openings, *body.changes]
        for record in records:
            shown = (record.shown if isinstance(record, RunOpened) else None) or shown
            labels.update(record.labels or {})
            tags += record.tags or ()
        for fact in facts_of(tags, shown, labels):
            yield fact, run
