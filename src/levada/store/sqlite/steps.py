"""The steps from one schema version to the next."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection
from typing import Any

from levada.store.bodies import RunBody
from levada.store.facts import facts_of
from levada.wire.records import RunChanged, RunOpened

_KEPT_OF_1 = {
    "flow_runs": (
        "id, flow, name, epoch, state, state_name, writer, parent_run, parent_task, created, started, ended, body",
        "expected, changed",
        "created, coalesce(ended, started, created)",
    ),
    "task_runs": ("id, run, call, state, state_name, name, tags, holder, body", "changed", "0"),
}
"""Columns that stay, columns that are new, and what stands in them."""


def to_version_2(connection: Connection) -> None:
    """What a server needs: facts, events, leases of writers, the rows' messages and moments of change."""
    for table in _KEPT_OF_1:
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for name, table in connection.execute(
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall():
        if table.startswith("old_"):
            connection.execute(f"DROP INDEX {name}")
    columns = {"renewed": "INTEGER", "expires": "INTEGER", "host": "TEXT NOT NULL DEFAULT ''"}
    for column, kind in {**columns, "pid": "INTEGER NOT NULL DEFAULT 0"}.items():
        connection.execute(f"ALTER TABLE writers ADD COLUMN {column} {kind}")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
    for statement in statements(schema()):
        if _name_of(statement) not in there:
            connection.execute(statement)
    for table, (kept, new, values) in _KEPT_OF_1.items():
        connection.execute(f"INSERT INTO {table} ({kept}, {new}) SELECT {kept}, {values} FROM old_{table}")
        connection.execute(f"DROP TABLE old_{table}")
    connection.execute("DROP TABLE flow_run_tags")
    for run, body in connection.execute("SELECT id, body FROM flow_runs").fetchall():
        sql = "INSERT OR IGNORE INTO flow_run_facts (fact, run) VALUES (?, ?)"
        connection.executemany(sql, [(fact, run) for fact in _facts(RunBody.decode(body))])


def _facts(body: RunBody) -> list[str]:
    shown: dict[str, str] = {}
    labels: dict[str, Any] = {}
    tags: list[str] = []
    records: list[RunOpened | RunChanged] = [*body.openings, *body.changes]
    for record in records:
        shown = (record.shown if isinstance(record, RunOpened) else None) or shown
        labels.update(record.labels or {})
        tags += record.tags or ()
    return facts_of(tags, shown, labels)


def _name_of(statement: str) -> str:
    """The table or index that a statement of the schema makes."""
    words = statement.replace("(", " ").split()
    return words[next(place for place, word in enumerate(words) if word in {"TABLE", "INDEX"}) + 1]


def schema() -> str:
    """The SQL that makes the tables of the present version."""
    return Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")


def statements(script: str) -> list[str]:
    """The statements of a script, so that they can be run inside one transaction; `executescript` would commit."""
    without_comments = "\n".join(line.partition("--")[0] for line in script.splitlines())
    return [statement for statement in without_comments.split(";") if statement.strip()]
