"""A claim walks indexes: no statement of it reads the table of waiting runs as a whole, on either database."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from levada.control.claims import Asking, serve
from levada.control.moving import queued_rows
from levada.core.ids import uuid7_bytes
from levada.core.settings import DatabaseSettings
from levada.store.base import Store, Transaction
from levada.store.opening import open_store
from levada.store.sql.work import BEGUN, WAITING, LaneBody, PoolRow, QueueRow, WorkBody, WorkRow, WorkTables, packed
from levada.wire.deployments import Needs
from levada.wire.pools import ClaimRequest, Held, Offer, PoolSpec
from tests.postgres import database

POOL = "press"
WORKER = uuid4()


class Recording:
    """A transaction that remembers what it was asked."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.statements: list[tuple[str, Sequence[Any]]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.statements.append((sql, list(parameters)))
        return self._transaction.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)


def seed(store: Store, count: int) -> None:
    """So many runs that wait in five lanes, and a tenth as many that were taken."""
    bodies = [LaneBody(POOL, "default", None, (), Needs(), f"key-{number}") for number in range(5)]

    def work(transaction: Transaction) -> None:
        tables, now = WorkTables(transaction), transaction.now
        spec = PoolSpec(name=POOL)
        tables.save_pool(PoolRow(POOL, "process", None, 0, now, now, packed(spec)))
        tables.save_queue(QueueRow(POOL, "default", 1, None, 0, now, now, None))
        tables.add_lanes(bodies)
        rows = []
        for number in range(count):
            lane = bodies[number % 5]
            held = number % 10 == 0
            rows.append(
                WorkRow(
                    run=uuid7_bytes(now, os.urandom(8)),
                    pool=POOL,
                    queue="default",
                    deployment=None,
                    lane=lane.id,
                    stage=BEGUN if held else WAITING,
                    priority=number % 3,
                    due=now - number,
                    since=now,
                    epoch=1,
                    worker=WORKER.bytes if held and number < 50 else os.urandom(16) if held else None,
                    body=packed(WorkBody()),
                )
            )
        tables.save(rows)

    store.transact(work)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("plans")
    if request.param == "sqlite":
        made = open_store(home, DatabaseSettings())
        seed(made, 200)
        yield made
        made.close()
        return
    with database(request.getfixturevalue("postgres_server_url")) as url:
        made = open_store(home, DatabaseSettings(url=url))
        seed(made, 5000)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
        yield made
        made.close()


def whole_reads(transaction: Transaction, sql: str, parameters: Sequence[Any]) -> list[str]:
    """Lines of a statement's plan that read the table `work` without an index."""
    if not re.match(r"\s*(SELECT|UPDATE|DELETE)", sql) or "work" not in sql:
        return []
    if type(transaction).__module__.startswith("levada.store.sqlite"):
        plan = [str(row[3]) for row in transaction.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        return [line for line in plan if re.match(r"SCAN (work|w|h)\b(?!.*USING)", line)]
    plan = [str(row[0]) for row in transaction.execute(f"EXPLAIN {sql}", parameters)]
    return [line for line in plan if re.search(r"Seq Scan on work\b", line)]


def test_a_claim_reads_nothing_as_a_whole(store: Store) -> None:
    request = ClaimRequest(worker=WORKER, name="anna", room=5, offer=Offer(cpu=9), held=[Held(uuid4(), 1)], wait=0.0)

    def work(transaction: Transaction) -> tuple[int, list[str]]:
        recording = Recording(transaction)
        served = serve(recording, POOL, [Asking(request)])  # type: ignore[arg-type]
        queued_rows(recording, POOL, None, 10)  # type: ignore[arg-type]
        statements = list(recording.statements)
        bad = [line for sql, values in statements for line in whole_reads(transaction, sql, values)]
        return len(served.broken), bad

    broken, bad = store.transact(work)
    assert broken == 5  # their flow runs were never made: they were taken, and found wanting
    assert bad == []
