"""How much room the tables of a SQLite file take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levada.core.states import datetime_of
from levada.wire.objects import TableSize

_OLDEST = {"flow_runs": "created", "events": "occurred", "logs": "at"}
"""Column of the time of tables that grow with time."""

_GAPS = frozenset({"logs", "logs_unindexed"})
"""The number of a row says who wrote it, not how many there are."""


def table_sizes(execute: Callable[[str], list[tuple[Any, ...]]]) -> list[TableSize]:
    """Bytes and rows of every table, the largest first.

    Rows are estimated from the greatest row number where a table counts them up; lines of log have numbers with gaps
    and are counted by the smallest index. Bytes are estimated, too: the pages of the file are shared out by rows,
    because counting pages would read the whole file.
    """
    found = [
        (name, sql)
        for name, sql in execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if not name.startswith(("sqlite_", "logs_text"))
    ]
    (page_count,), (page_size,) = execute("PRAGMA page_count")[0], execute("PRAGMA page_size")[0]
    rows = {}
    for name, sql in found:
        numbered = name not in _GAPS and sql is not None and "WITHOUT ROWID" not in sql and "VIRTUAL" not in sql
        counted = execute(f"SELECT max(rowid) FROM {name}" if numbered else f"SELECT count(*) FROM {name}")
        rows[name] = counted[0][0] or 0
    total = sum(rows.values()) or 1
    sizes = []
    for name, count in rows.items():
        oldest = execute(f"SELECT min({_OLDEST[name]}) FROM {name}")[0][0] if name in _OLDEST else None
        size = page_count * page_size * count // total
        sizes.append(TableSize(name, size, count, None if oldest is None else datetime_of(oldest)))
    return sorted(sizes, key=lambda size: (-size.bytes, size.name))
