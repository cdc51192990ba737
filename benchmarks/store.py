"""How fast the store takes task runs in, and how many bytes each of them takes, indexes included.

python -m benchmarks.store                       # 1 000 000 task runs into SQLite
python -m benchmarks.store --rows 100000 --url postgresql://...   # an empty database
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec.msgpack import Decoder, Encoder

from levada.control.ingest import ingest
from levada.core.ids import uuid7_bytes
from levada.core.settings import DatabaseSettings
from levada.store.base import Store
from levada.store.opening import open_store
from levada.wire.records import LogLine, Payload, Record, RunOpened, TaskOpened, TaskState

TASKS_OF_A_RUN = 10_000
RECORDS_AT_ONCE = 20_000


def records(count: int, logs: int) -> Iterator[Record]:
    """Flow runs of usual task runs: inputs, a result, a code digest, a name, a tag; `logs` lines for each."""
    run = before = _new_id()
    for number in range(count):
        at = time.time_ns() // 1000
        if number % TASKS_OF_A_RUN == 0:
            run = _new_id()
            yield RunOpened(run, 1, 1, at, "etl", f"run-{number}", b"w" * 16)
        task = _new_id()
        yield TaskOpened(
            task, run, 1, 1, at, "extract_page", f"extract_page-{number}", os.urandom(16), started=True,
            code="0123456789abcdef0123456789abcdef", inputs={"page": [before]},
            shown={"page": f"[{number}, {number + 1}]"}, tags=["nightly"],
        )  # fmt: skip
        for line in range(logs):
            yield LogLine(run, task, at, 20, "levada.task_runs", f"line {line} of page {number} of this night", 1)
        result = Payload("msgpack", b"\xcd\x01\x02", size=3, type="int", preview="1")
        yield TaskState(task, run, 1, 2, at + 50, 5, "Completed", attempt=1, result=result)
        before = task


def _new_id() -> bytes:
    return uuid7_bytes(time.time_ns() // 1000, os.urandom(8))


def batches(count: int, logs: int) -> Iterator[list[bytes]]:
    """Encoded records, so many as one transaction takes in."""
    encode = Encoder().encode
    batch: list[bytes] = []
    for record in records(count, logs):
        batch.append(encode(record))
        if len(batch) >= RECORDS_AT_ONCE:
            yield batch
            batch = []
    yield batch


def main() -> None:
    """Measure and say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--logs", type=int, default=0)
    parser.add_argument("--url")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder), DatabaseSettings(url=given.url))
        before = _bytes(store, "task_runs")
        seconds = _take_in(store, given.rows, given.logs)
        print(f"{given.rows / seconds:,.0f} task runs/s with {given.logs} lines of log each")
        print(f"{(_bytes(store, 'task_runs') - before) / given.rows:.0f} bytes for each task run, indexes included")
        store.close()


def _take_in(store: Store, rows: int, logs: int) -> float:
    """Seconds of decoding and taking in; the making of records is not counted."""
    decoder, sequence, seconds = Decoder(Record), 0, 0.0
    for batch in batches(rows, logs):
        begun = time.perf_counter()
        decoded = list(enumerate(map(decoder.decode, batch), sequence))
        store.transact(lambda transaction, taken=decoded: ingest(transaction, b"w" * 16, taken))
        seconds += time.perf_counter() - begun
        sequence += len(batch)
    return seconds


def _bytes(store: Store, table: str) -> int:
    """On SQLite those of the whole file: it holds next to nothing else."""
    with store.read() as transaction:
        if type(store).__name__ == "SqliteStore":
            (pages,), (size,) = transaction.execute("PRAGMA page_count")[0], transaction.execute("PRAGMA page_size")[0]
            return int(pages * size)
    return next(size.bytes for size in store.table_sizes() if size.name == table)


if __name__ == "__main__":
    main()
