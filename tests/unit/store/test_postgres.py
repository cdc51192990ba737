"""What only the PostgreSQL store does: outages, pools, partitions, announcements between stores, bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from levada.control.ingest import ingest
from levada.core.errors import ConfigurationError, StoreUnavailable
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType, datetime_of
from levada.store.base import Store, Transaction
from levada.store.opening import open_store
from levada.store.postgres import PostgresStore
from levada.store.postgres.database import LOCKS, lock_numbers
from levada.store.postgres.listening import MOST_BYTES, packed, unpacked
from levada.store.postgres.partitions import (
    WEEKS,
    drop_partition,
    ensure_partitions,
    first_id,
    partition_name,
    partitions,
    start_of,
)
from levada.testing import eventually
from tests.postgres import PostgresServer
from tests.unit.control import records as make


def opened(url: str, **settings: object) -> PostgresStore:
    """The store of a database, with its tables."""
    made = open_store(Path(), DatabaseSettings(url=url, **settings))  # type: ignore[arg-type]
    assert isinstance(made, PostgresStore)
    return made


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    made = opened(postgres_url)
    yield made
    made.close()


def colour(store: Store) -> bytes | None:
    with store.read() as transaction:
        return transaction.meta.get("colour")


def paint(store: Store, value: bytes) -> None:
    store.transact(lambda transaction: transaction.meta.set("colour", value))


class TestOutages:
    def test_a_database_that_is_gone_is_told_and_works_again_when_it_is_back(
        self, own_postgres: PostgresServer
    ) -> None:
        store = opened(own_postgres.url())
        paint(store, b"blue")
        assert colour(store) == b"blue"
        heard: list[str] = []
        stop = store.listen(lambda topic, text: heard.append(topic))
        own_postgres.stop()
        for ask in (lambda: colour(store), lambda: paint(store, b"red"), store.table_sizes):
            with pytest.raises(StoreUnavailable, match="cannot be reached now: .* tried anew"):
                ask()
        own_postgres.start()
        assert colour(store) == b"blue"
        paint(store, b"red")
        assert colour(store) == b"red"
        eventually(lambda: heard == [""], timeout=20)  # who listened learns that something may have been missed
        store.transact(lambda transaction: transaction.announce("runs"))
        eventually(lambda: heard == ["", "runs"])
        stop()
        store.close()

    def test_a_connection_that_dies_in_the_pool_is_not_noticed(self, store: PostgresStore, postgres_url: str) -> None:
        paint(store, b"blue")
        assert colour(store) == b"blue"
        end_all_connections(postgres_url)
        assert colour(store) == b"blue"
        paint(store, b"red")

    def test_a_connection_that_somebody_has_while_the_store_is_closed_is_closed_when_it_is_given_back(
        self, store: PostgresStore
    ) -> None:
        with store.read() as transaction:
            store.close()
            mine = transaction.connection
        assert mine.closed
        assert colour(store) is None  # and who asks again is answered

    def test_a_connection_that_dies_in_a_transaction_takes_everything_back(
        self, store: PostgresStore, postgres_url: str
    ) -> None:
        paint(store, b"blue")
        with pytest.raises(StoreUnavailable), store.write() as transaction:
            transaction.meta.set("colour", b"red")
            end_all_connections(postgres_url)
            transaction.meta.set("shape", b"round")
        assert colour(store) == b"blue"

    def test_nobody_at_the_address_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            open_store(Path(), DatabaseSettings(url=f"postgresql:///x?host={tmp_path}"))
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            colour(PostgresStore(DatabaseSettings(url=f"postgresql:///x?host={tmp_path}")))

    def test_an_address_that_is_none_is_told(self) -> None:
        with pytest.raises(ConfigurationError, match=r"database\.url"):
            open_store(Path(), DatabaseSettings(url="mysql://somewhere"))

    def test_the_password_is_in_no_message(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailable) as raised:
            colour(PostgresStore(DatabaseSettings(url=f"postgresql://me:hunter2@/x?host={tmp_path}")))
        assert "hunter2" not in str(raised.value)


def end_all_connections(url: str) -> None:
    """As an administrator would, or a restart of the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


class TestPools:
    def test_who_waits_too_long_for_a_connection_is_told(self, postgres_url: str) -> None:
        store = opened(postgres_url, pool_size=1, connect_timeout=0.2)
        with store.write(), pytest.raises(StoreUnavailable, match=r"All 1 connections .* database\.pool_size"):
            paint(store, b"blue")
        paint(store, b"red")
        assert colour(store) == b"red"
        store.close()

    def test_connections_go_to_who_waited_first(self, postgres_url: str) -> None:
        store = opened(postgres_url, pool_size=1)
        pool = store.pools["execution"]
        first, _ = pool.take()
        order: list[int] = []
        threads = []
        for number in range(4):

            def wait(number: int = number) -> None:
                connection, _ = pool.take()
                order.append(number)
                pool.give_back(connection)

            threads.append(threading.Thread(target=wait))
            threads[-1].start()
            eventually(lambda: pool.waiting == len(threads))
        pool.give_back(first)  # and who gave it back does not get it again before them
        again, _ = pool.take()
        order.append(4)
        pool.give_back(again)
        for thread in threads:
            thread.join()
        assert order == [0, 1, 2, 3, 4]
        assert (pool.in_use, pool.waiting) == (0, 0)
        store.close()

    def test_readers_have_connections_of_their_own(self, postgres_url: str) -> None:
        store = opened(postgres_url, pool_size=1, read_pool_size=1)
        with store.write():
            assert colour(store) is None
        store.close()

    def test_a_query_that_takes_too_long_is_given_up(self, postgres_url: str) -> None:
        for prepared in (True, False):
            store = opened(postgres_url, read_timeout=0.05, prepared_statements=prepared)
            with (
                pytest.raises(StoreUnavailable, match=r"gave a query up .* database\.read_timeout"),
                store.read() as it,
            ):
                it.execute("SELECT pg_sleep(5)")
            assert colour(store) is None
            store.close()

    def test_a_reader_cannot_write(self, store: PostgresStore) -> None:
        with pytest.raises(StoreUnavailable, match="only reads"), store.read() as transaction:
            transaction.meta.set("colour", b"blue")

    def test_nothing_is_prepared_behind_a_bouncer(self, postgres_url: str) -> None:
        store = opened(postgres_url, prepared_statements=False, pool_size=1)
        for _ in range(10):
            paint(store, b"blue")
        with store.write() as transaction:
            assert transaction.execute("SELECT count(*) FROM pg_prepared_statements") == [(0,)]
        store.close()

    def test_a_forked_child_opens_its_own_connection(self, postgres_url: str) -> None:
        program = (
            "import os, sys; from levada.core.settings import DatabaseSettings\n"
            "from levada.store.postgres import PostgresStore\n"
            "store = PostgresStore(DatabaseSettings(url=sys.argv[1]))\n"
            "with store.write() as transaction: transaction.meta.set('who', b'parent')\n"
            "child = os.fork()\n"
            "with store.write() as transaction: transaction.meta.set('child' if child == 0 else 'parent', b'yes')\n"
            "if child == 0: os._exit(0)\n"
            "assert os.waitpid(child, 0)[1] == 0\n"
            "with store.read() as transaction: assert transaction.meta.get('child') == b'yes'\n"
        )
        opened(postgres_url).close()
        subprocess.run([sys.executable, "-c", program, postgres_url], check=True)

    def test_a_conflict_is_tried_again_from_the_start(self, store: PostgresStore) -> None:
        met = threading.Barrier(2)
        tries: list[int] = []

        def take(first: str, second: str) -> None:
            def work(transaction: Transaction) -> None:
                tries.append(1)
                transaction.lock(first)
                if len(tries) <= 2:
                    met.wait(30)
                transaction.lock(second)  # in the other order than the other thread: PostgreSQL breaks one off

            store.transact(work)

        other = threading.Thread(target=take, args=("a", "b"))
        other.start()
        take("b", "a")
        other.join()
        assert len(tries) == 3


class TestLocks:
    def test_everybody_takes_them_in_the_same_order(self) -> None:
        keys: tuple[bytes | str, ...] = (b"1" * 16, "limit:a", b"2" * 16, "limit:b", b"1" * 16)
        assert lock_numbers(keys) == lock_numbers(keys[::-1])
        assert len(lock_numbers(keys)) == 4

    def test_thousands_of_runs_need_no_thousands_of_locks(self, store: PostgresStore) -> None:
        keys = [make.new_id() for _ in range(20_000)]
        assert len(lock_numbers(tuple(keys))) == LOCKS
        with store.write() as transaction:
            transaction.lock(*keys)


class TestAnnouncementsBetweenStores:
    def test_another_replica_hears(self, store: PostgresStore, postgres_url: str) -> None:
        heard: list[tuple[str, str]] = []
        other = opened(postgres_url)
        stop = other.listen(lambda topic, text: heard.append((topic, text)))
        store.transact(lambda transaction: transaction.announce("limits", "database"))
        eventually(lambda: heard == [("limits", "database")])
        stop()
        other.close()

    def test_payloads_are_as_few_and_as_long_as_they_may_be(self) -> None:
        words = [f"{number:032x}" for number in range(1_000)]
        said = [("runs", " ".join(words)), ("logs", "a@1"), ("big", "x" * 9_000)]
        payloads = list(packed(said))
        assert all(len(payload.encode()) < 8_000 for payload in payloads)
        assert len(payloads) == -(-33_000 // MOST_BYTES)
        heard = [one for payload in payloads for one in unpacked(payload)]
        assert [word for topic, text in heard if topic == "runs" for word in text.split()] == words
        assert ("logs", "a@1") in heard
        assert "big" in [topic for topic, _ in heard]


NOW = make.START


class TestPartitions:
    def test_they_are_made_ahead_once(self, store: PostgresStore) -> None:
        made = store.transact(lambda transaction: ensure_partitions(transaction, NOW, 2))
        weekly, monthly = 3, len({start_of("task_runs", NOW + week * 7 * 86_400_000_000) for week in range(3)})
        assert len(made) == 2 * weekly + 2 * monthly
        assert store.transact(lambda transaction: ensure_partitions(transaction, NOW, 2)) == []
        with store.read() as transaction:
            found = [one for one in partitions(transaction, "logs") if one.start is not None and one.start <= NOW + 1]
            assert partitions(transaction, "logs")[-1].name == "logs_default"
        assert [one.start for one in found] == [start_of("logs", NOW)]

    def test_rows_lie_in_the_partition_of_their_time(self, store: PostgresStore) -> None:
        store.transact(lambda transaction: ensure_partitions(transaction, NOW, 0))
        run = make.new_id()
        batch = [make.run_opened(run, make.new_id()), make.log_line(run, at=NOW)]
        store.transact(lambda transaction: ingest(transaction, b"w" * 16, enumerate(batch, 1)))
        with store.read() as transaction:
            for table in ("flow_runs", "logs"):
                sql = f"SELECT tableoid::regclass::text FROM {table}"
                assert transaction.execute(sql) == [(partition_name(table, start_of(table, NOW)),)]

    def test_rows_that_came_too_early_move_into_their_partition(self, store: PostgresStore) -> None:
        run = make.new_id()
        batch = [make.run_opened(run, make.new_id()), make.log_line(run, at=NOW)]
        store.transact(lambda transaction: ingest(transaction, b"w" * 16, enumerate(batch, 1)))
        store.transact(lambda transaction: ensure_partitions(transaction, NOW, 0))
        with store.read() as transaction:
            assert transaction.execute("SELECT count(*) FROM flow_runs_default") == [(0,)]
            assert transaction.flow_runs.load([run])[run].id == run

    def test_a_dropped_one_takes_its_rows_with_it(self, store: PostgresStore) -> None:
        store.transact(lambda transaction: ensure_partitions(transaction, NOW, 0))
        line = make.log_line(None, at=NOW)
        store.transact(lambda transaction: ingest(transaction, b"w" * 16, [(1, line)]))
        name = partition_name("logs", start_of("logs", NOW))
        for _ in range(2):
            store.transact(lambda transaction: drop_partition(transaction, name))
        with store.read() as transaction:
            assert transaction.execute("SELECT count(*) FROM logs") == [(0,)]
            assert name not in [one.name for one in partitions(transaction)]

    def test_what_is_no_partition_is_not_dropped(self, store: PostgresStore) -> None:
        for name in ("logs_default", "flow_runs", "meta", "logs_pnonsense"):
            with pytest.raises(ValueError, match="no partition that can be dropped"), store.write() as transaction:
                drop_partition(transaction, name)

    def test_they_begin_on_mondays_and_ids_are_in_them(self) -> None:
        for table, weeks in WEEKS.items():
            start = start_of(table, NOW)
            end = start + weeks * 7 * 86_400_000_000
            assert start <= NOW < end
            assert first_id(start) <= make.new_id() < first_id(end)
            assert start_of(table, start) == start_of(table, end - 1) == start
            assert datetime_of(start).strftime("%A %H:%M:%S.%f") == "Monday 00:00:00.000000"
        assert partition_name("logs", start_of("logs", NOW)) == "logs_p20251006"

    def test_many_processes_make_them_at_once(self, store: PostgresStore) -> None:
        threads = [
            threading.Thread(target=lambda: store.transact(lambda transaction: ensure_partitions(transaction, NOW, 1)))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as transaction:
            assert partition_name("events", start_of("events", NOW)) in [one.name for one in partitions(transaction)]


def test_a_task_run_takes_at_most_400_bytes_of_disk(store: PostgresStore) -> None:
    """Indexes and half-filled pages included; a usual task: inputs, a result, a code digest, a name, a tag."""
    count = 10_000
    run, writer = make.new_id(), make.new_id()
    batch = [make.run_opened(run, writer)]
    before = make.new_id()
    for number in range(count):
        task = make.new_id()
        opened = make.task_opened(
            task,
            run,
            key="extract_page",
            name=f"extract_page-{number}",
            identity=os.urandom(16),
            inputs={"page": [before]},
            shown={"page": f"[{number}, {number + 1}]"},
            code="0123456789abcdef0123456789abcdef",
            tags=["nightly"],
            started=True,
        )
        result = make.payload(b"\xcd\x01\x02")
        batch += [opened, make.task_state(task, run, StateType.COMPLETED, 2, result=result)]
        before = task
    empty = next(size.bytes for size in store.table_sizes() if size.name == "task_runs")
    store.transact(lambda transaction: ingest(transaction, writer, enumerate(batch, 1)))
    full = next(size.bytes for size in store.table_sizes() if size.name == "task_runs")
    assert (full - empty) / count <= 400
