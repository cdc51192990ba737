"""Databases as earlier revisions left them, with something of everything in them; and how to compare catalogues."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from levada.store.bodies import RunBody
from levada.store.sqlite.upgrades import statements
from levada.wire.records import RunOpened

_SQL = Path(__file__).parents[2] / "src" / "levada" / "store" / "migrations" / "sql"


def home_of_0001(path: Path) -> None:
    """A home of the first Levada: its frozen tables and `user_version`, no trace of the chain."""
    path.parent.mkdir(parents=True, exist_ok=True)
    opening = RunOpened(
        run=b"r" * 16, epoch=1, n=0, at=1_000, flow="report", name="quiet-heron", writer=b"w" * 16,
        tags=["nightly"], shown={"day": "monday"}, labels={"team": "data"},
    )  # fmt: skip
    body = RunBody(openings=[opening]).encode()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in statements((_SQL / "r0001.sqlite.sql").read_text(encoding="utf-8")):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute(
            "INSERT INTO flow_runs (id, flow, name, epoch, state, created, started, ended, body) "
            "VALUES (?, 'report', 'quiet-heron', 1, 5, 1000, 2000, 3000, ?)",
            (b"r" * 16, body),
        )
        connection.execute("INSERT INTO flow_run_tags VALUES ('nightly', ?)", (b"r" * 16,))
        connection.execute("INSERT INTO flows VALUES ('report', 1000)")
        for number in (b"1", b"2"):
            connection.execute(
                "INSERT INTO task_runs (id, run, call, state, body) VALUES (?, ?, 1, 5, x'80')",
                (number * 16, b"r" * 16),
            )
        connection.execute("INSERT INTO calls VALUES (1, 'load', '')")
        connection.execute(
            "INSERT INTO logs (id, run, at, level, logger, message, attempt) VALUES (7, ?, 1500, 20, 'x', 'hello', 0)",
            (b"r" * 16,),
        )
        connection.execute("INSERT INTO variables VALUES ('colour', x'a3626c75', NULL, 1, 1)")
        connection.execute("INSERT INTO writers (number, id, offset) VALUES (1, ?, 99)", (b"w" * 16,))


def sqlite_catalogue(path: Path) -> set[tuple[Any, ...]]:
    """Everything that the catalogue of a file says, but for spaces and comments."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {(kind, name, table, _plain(sql)) for kind, name, table, sql in rows}


def _plain(sql: str | None) -> str | None:
    if sql is None:
        return None
    code = " ".join(line.partition("--")[0] for line in sql.splitlines())
    for mark in "(),":
        code = code.replace(mark, f" {mark} ")
    return " ".join(code.replace('"', "").split())


_POSTGRES = """
WITH ours AS (SELECT current_schema()::regnamespace AS id)
SELECT 'column', c.relname, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attcollation,
       a.attnotnull, a.attstorage, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
  FROM ours, pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relnamespace = ours.id AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
UNION ALL SELECT 'table', relname, relkind::text,
       concat_ws(' ', reloptions, pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid))
  FROM ours, pg_class WHERE relnamespace = ours.id AND relkind IN ('r', 'p', 'S', 'v')
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid)
  FROM ours, pg_constraint WHERE connamespace = ours.id
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, '', prosrc FROM ours, pg_proc WHERE pronamespace = ours.id
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
UNION ALL SELECT 'extension', extname, '', '' FROM pg_extension
"""


def postgres_catalogue(url: str) -> set[tuple[Any, ...]]:
    """Everything that the catalogue of a PostgreSQL database says about our schema."""
    with psycopg.connect(url) as connection:
        return set(connection.execute(_POSTGRES).fetchall())
