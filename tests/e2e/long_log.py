"""A run with a very long log: `python -m tests.e2e.long_log --home SERVER_HOME --run ID [--lines 1000000]`.

The lines go into the SQLite database of a server's home, which may be up; they lie before the run began, one
after the other, so that the same run always gets the same lines.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec

from levada.control.base import DATABASE
from levada.core.ids import created_us
from levada.store.base import LogRow
from levada.store.sqlite import SqliteStore

_WRITER = 1 << 12
_LEVELS = (20, 20, 20, 10, 20, 30, 20, 20, 40, 20)
_LOGGERS = ("levada.flow_runs", "levada.task_runs", "shop.warehouse", "shop.bank")
_STEP = 3_000
"""Microseconds between two lines."""


def lines(run: bytes, number: int) -> Iterator[LogRow]:
    """So many lines of a run, those of one number always the same."""
    began = created_us(run) - number * _STEP
    for index in range(number):
        yield LogRow(
            id=(_WRITER << 32) + index,
            run=run,
            task=None,
            at=began + index * _STEP,
            level=_LEVELS[index % len(_LEVELS)],
            logger=_LOGGERS[index % len(_LOGGERS)],
            message=f"line {index}: \x1b[32m{index % 997} rows\x1b[0m of part {index // 1000} copied",
            attempt=1,
            fields=msgspec.msgpack.encode({"part": index // 1000, "rows": index % 997}) if index % 50 == 0 else None,
        )


def write(home: Path, run: UUID, number: int, batch: int = 20_000) -> float:
    """Write the lines; gives seconds."""
    store = SqliteStore(home / DATABASE)
    began = time.monotonic()
    try:
        waiting: list[LogRow] = []
        for row in lines(run.bytes, number):
            waiting.append(row)
            if len(waiting) == batch:
                _add(store, waiting)
                waiting = []
        _add(store, waiting)
    finally:
        store.close()
    return time.monotonic() - began


def _add(store: SqliteStore, rows: list[LogRow]) -> None:
    if rows:
        store.transact(lambda transaction: transaction.logs.add(rows))


def main() -> None:
    """Write lines as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run", type=UUID, required=True)
    parser.add_argument("--lines", type=int, default=1_000_000)
    given = parser.parse_args()
    seconds = write(given.home, given.run, given.lines)
    sys.stdout.write(f"{given.lines:,} lines in {seconds:.0f} s\n")


if __name__ == "__main__":
    main()
