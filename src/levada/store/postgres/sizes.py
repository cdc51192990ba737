"""How much room the tables of a PostgreSQL database take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levada.core.states import datetime_of
from levada.wire.objects import TableSize

_SIZES = """
SELECT coalesce(parent.relname, own.relname), sum(pg_total_relation_size(own.oid))::bigint,
       sum(greatest(own.reltuples, 0))::bigint
FROM pg_class AS own
LEFT JOIN pg_inherits AS link ON link.inhrelid = own.oid
LEFT JOIN pg_class AS parent ON parent.oid = link.inhparent
WHERE own.relkind = 'r' AND own.relnamespace = current_schema()::regnamespace
GROUP BY 1 ORDER BY 2 DESC, 1"""

_OLDEST = {"flow_runs": "created", "events": "occurred", "logs": "at"}
"""Column of the time of tables that grow with time."""


def table_sizes(execute: Callable[[str], list[tuple[Any, ...]]]) -> list[TableSize]:
    """Bytes, indexes included, and rows as PostgreSQL last counted them; the largest first."""
    sizes = []
    for name, size, rows in execute(_SIZES):
        oldest = execute(f"SELECT min({_OLDEST[name]}) FROM {name}")[0][0] if name in _OLDEST else None
        sizes.append(TableSize(name, size, rows, None if oldest is None else datetime_of(oldest)))
    return sizes
