"""What every store does, whatever database is behind it."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest

from levada.control.ingest import ingest
from levada.core.states import StateType, datetime_of
from levada.store.base import Store, Transaction, WriterRow
from levada.testing import eventually
from levada.wire.events import EventQuery
from levada.wire.filters import ArtifactQuery
from tests.contract.stored import event, flow_run, in_threads, take_in
from tests.unit.control import records as make


class TestTransactions:
    def test_what_is_written_is_seen_by_the_next_reader(self, store: Store) -> None:
        with store.write() as transaction:
            transaction.meta.set("colour", b"blue")
        with store.read() as transaction:
            assert transaction.meta.get("colour") == b"blue"

    def test_an_exception_takes_everything_back(self, store: Store) -> None:
        with pytest.raises(KeyError), store.write() as transaction:
            transaction.meta.set("colour", b"blue")
            transaction.writers.get(make.new_id())
            raise KeyError
        with store.read() as transaction:
            assert transaction.meta.get("colour") is None
            assert transaction.execute("SELECT count(*) FROM writers") == [(0,)]

    def test_a_reader_sees_one_moment(self, store: Store) -> None:
        with store.write() as transaction:
            transaction.meta.set("colour", b"blue")
        with store.read() as reader:
            assert reader.meta.get("colour") == b"blue"
            with store.write() as transaction:
                transaction.meta.set("colour", b"red")
            assert reader.meta.get("colour") == b"blue"

    def test_writers_wait_for_one_another(self, store: Store) -> None:
        with store.write() as transaction:
            transaction.meta.set("total", b"0")
        started = threading.Barrier(8)

        def add() -> None:
            started.wait()
            for _ in range(25):
                with store.write() as transaction:
                    transaction.lock("total")
                    total = int(transaction.meta.get("total") or b"0")
                    transaction.meta.set("total", b"%d" % (total + 1))

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as transaction:
            assert transaction.meta.get("total") == b"200"

    def test_a_closed_store_opens_again_when_it_is_used(self, store: Store) -> None:
        with store.write() as transaction:
            transaction.meta.set("colour", b"blue")
        store.close()
        with store.read() as transaction:
            assert transaction.meta.get("colour") == b"blue"


class TestArtifacts:
    def test_the_newest_of_a_key_is_its_latest(self, store: Store) -> None:
        run = flow_run(store).bytes
        first, second, other = (make.artifact(run, key) for key in ("report", "report", None))
        take_in(store, second, first, other)
        assert self.ids(store) == [other.artifact, second.artifact, first.artifact]
        assert self.ids(store, latest_of_key=True) == [second.artifact]
        assert self.ids(store, keys=["report"]) == [second.artifact, first.artifact]
        assert self.ids(store, keys=["report"], latest_of_key=True) == [second.artifact]

    def test_writing_it_anew_keeps_when_it_was_made(self, store: Store) -> None:
        first = make.artifact(None, "progress", data=1)
        again = make.artifact(None, "progress", data=2, artifact=first.artifact)
        take_in(store, again)
        take_in(store, first)
        with store.read() as transaction:
            row = transaction.artifacts.load([first.artifact])[first.artifact]
        assert (row.created, row.updated, row.data) == (first.at, again.at, b"\x02")

    def test_deleting_a_run_gives_the_key_back_to_an_older_one(self, store: Store) -> None:
        older, newer = make.new_id(), make.new_id()
        first, second, alone = make.artifact(older, "report"), make.artifact(newer, "report"), make.artifact(newer, "x")
        take_in(store, first, second, alone)
        with store.write() as transaction:
            assert transaction.artifacts.delete_of_run(newer) == 2
        assert self.ids(store, latest_of_key=True) == [first.artifact]

    def test_every_filter_finds_what_it_names(self, store: Store) -> None:
        run = make.new_id()
        own, table = make.artifact(run), make.artifact(None, "t", kind="table")
        take_in(store, own, table)
        assert self.ids(store, ids=[UUID(bytes=own.artifact)]) == [own.artifact]
        assert self.ids(store, types=["table"]) == [table.artifact]
        assert self.ids(store, types=["table", "markdown"], flow_run_ids=[UUID(bytes=run)]) == [own.artifact]
        with store.read() as transaction:
            assert transaction.artifacts.starting_with(own.artifact, own.artifact, 5) == [own.artifact]

    def ids(self, store: Store, **query: Any) -> list[bytes]:
        with store.read() as transaction:
            return [row.id for row in transaction.artifacts.page(ArtifactQuery(**query)).rows]


class TestFlows:
    def test_a_flow_knows_its_runs(self, store: Store) -> None:
        flow_run(store, flow="train")
        flow_run(store)
        last = flow_run(store, StateType.FAILED)
        with store.read() as transaction:
            page = transaction.flows.page(name=None, name_like=None, limit=10, cursor=None)
        etl, train = page.rows
        assert (etl.name, etl.runs, etl.last_run, etl.last_state) == ("etl", 2, last.bytes, 6)
        assert (train.name, train.runs) == ("train", 1)

    def test_they_are_listed_by_name_in_pages(self, store: Store) -> None:
        for name in ("c", "a", "b"):
            flow_run(store, flow=name)
        with store.read() as transaction:
            first = transaction.flows.page(name=None, name_like=None, limit=2, cursor=None)
            rest = transaction.flows.page(name=None, name_like=None, limit=2, cursor=first.next)
            like = transaction.flows.page(name=None, name_like="B", limit=2, cursor=None)
        assert [row.name for row in first.rows] == ["a", "b"]
        assert [row.name for row in rest.rows] == ["c"]
        assert rest.next is None
        assert [row.name for row in like.rows] == ["b"]

    def test_it_was_made_when_its_first_run_was(self, store: Store) -> None:
        early, late = make.tick(), make.tick()
        flow_run(store, at=late)
        flow_run(store, at=early)
        with store.read() as transaction:
            assert transaction.flows.page(name="etl", name_like=None, limit=1, cursor=None).rows[0].created == early


class TestWriters:
    def test_a_cursor_moves_and_the_number_stays(self, store: Store) -> None:
        writer = make.new_id()
        with store.write() as transaction:
            assert transaction.writers.find(writer) is None
            number = transaction.writers.get(writer).number
            transaction.writers.advance(writer, 2, 4096, 17)
        with store.read() as transaction:
            assert transaction.writers.find(writer) == WriterRow(number, 2, 4096, 17)

    def test_a_record_that_cannot_be_read_yet_is_kept_once(self, store: Store) -> None:
        for _ in range(2):
            with store.write() as transaction:
                transaction.writers.keep_unread(b"w" * 16, 3, b"future")
        with store.read() as transaction:
            assert transaction.execute("SELECT sequence, payload FROM unread_records") == [(3, b"future")]


class TestMeta:
    def test_a_value_is_kept_until_it_is_removed(self, store: Store) -> None:
        with store.write() as transaction:
            transaction.meta.set("colour", b"blue")
            transaction.meta.set("colour", b"red")
            assert transaction.meta.get("colour") == b"red"
            transaction.meta.set("colour", None)
            assert transaction.meta.get("colour") is None


class TestEvents:
    def test_positions_have_no_gaps_and_follow_the_order_of_making(self, store: Store) -> None:
        rows = [event(f"e{number}") for number in range(5)]
        with store.write() as transaction:
            assert transaction.events.add(rows[::-1]) == 5
            assert transaction.events.add(rows[:2]) == 0
            assert transaction.events.after(0, 10) == []
        with store.write() as transaction:
            assert [row.position for row in transaction.events.dispatch(3)] == [1, 2, 3]
        with store.write() as transaction:
            assert [row.position for row in transaction.events.dispatch(30)] == [4, 5]
            assert transaction.events.dispatch(30) == []
        with store.read() as transaction:
            assert [row.id for row in transaction.events.after(1, 3)] == [row.id for row in rows[1:4]]
            assert transaction.events.last_position() == 5

    def test_every_filter_finds_what_it_names(self, store: Store) -> None:
        run = make.new_id()
        rows = [
            event("levada.flow-run.Failed", run, resource="levada.flow-run.1"),
            event("levada.flow-run.Completed", at=make.START + 5, resource="levada.flow-run.2"),
            event("mine.Done", at=make.START + 9, resource="other.3"),
        ]
        store.transact(lambda transaction: transaction.events.add(rows))

        def found(**query: Any) -> list[int]:
            with store.read() as transaction:
                page = transaction.events.page(EventQuery(**query))
            return [[row.id for row in rows].index(row.id) for row in page.rows]

        assert found() == [2, 1, 0]
        assert found(oldest_first=True, limit=2) == [0, 1]
        assert found(event_prefixes=["levada.flow-run."]) == [1, 0]
        assert found(event_prefixes=["levada.flow-run.F*", "mine"]) == [2, 0]
        assert (
            found(resource_ids=["levada.flow-run.2"]) == found(resource_ids=["levada.*.2", "levada.flow-run.2"]) == [1]
        )
        assert found(resource_ids=["levada.*"]) == [1, 0]
        assert found(flow_run_ids=[UUID(bytes=run)]) == [0]
        assert found(after=datetime_of(make.START + 5), before=datetime_of(make.START + 9)) == [1]
        assert found(text="DONE") == [2]
        with store.read() as transaction:
            assert transaction.events.count_by(EventQuery(), "time", make.START, 5) == {0: 1, 1: 2}
            counted = transaction.events.count_by(EventQuery(event_prefixes=["levada"]), "event", 0, 1)
        assert counted == {"levada.flow-run.Failed": 1, "levada.flow-run.Completed": 1}


class TestLeasesOfWriters:
    def test_those_whose_time_is_over_are_found(self, store: Store) -> None:
        early, late, local = make.new_id(), make.new_id(), make.new_id()
        with store.write() as transaction:
            transaction.writers.renew(late, 10, 40, "h", 2)
            transaction.writers.renew(early, 10, 30, "h", 1)
            transaction.writers.advance(local, 1, 1, 1)
        with store.read() as transaction:
            assert [writer for writer, _ in transaction.writers.expired(40, 10)] == [early, late]
            assert [(writer, row.pid) for writer, row in transaction.writers.expired(39, 10)] == [(early, 1)]
        store.transact(lambda transaction: transaction.writers.renew(early, 31, None, "h", 1))
        with store.read() as transaction:
            assert transaction.writers.expired(39, 10) == []


class TestConcurrency:
    def test_sixteen_threads_change_the_same_and_other_runs(self, store: Store) -> None:
        """Every thread locks two runs at once, in an order of its own; none is lost, and none waits for ever."""
        runs = [make.new_id() for _ in range(6)]
        started = threading.Barrier(16)

        def work(number: int) -> None:
            started.wait()
            for turn in range(10):
                pair = runs[(number + turn) % 6], runs[(number * 5 + turn * 7 + 1) % 6]

                def count(transaction: Transaction, pair: tuple[bytes, bytes] = pair, turn: int = turn) -> None:
                    transaction.lock(*pair)
                    for run in set(pair):
                        key = run.hex()
                        transaction.meta.set(key, b"%d" % (int(transaction.meta.get(key) or b"0") + 1))
                    transaction.task_runs.call_number(f"call-{turn}", None)
                    transaction.flows.note({f"flow-{number % 3}": number, "shared": number})

                store.transact(count)

        in_threads(work, 16)
        pairs = [{(number + turn) % 6, (number * 5 + turn * 7 + 1) % 6} for number in range(16) for turn in range(10)]
        with store.read() as transaction:
            counted = sum(int(transaction.meta.get(run.hex()) or b"0") for run in runs)
            assert counted == sum(map(len, pairs))
            assert transaction.execute("SELECT count(*) FROM calls") == [(10,)]

    def test_one_number_is_given_to_a_writer_that_comes_twice_at_once(self, store: Store) -> None:
        writer = make.new_id()
        started = threading.Barrier(8)
        numbers = []

        def ask(_: int) -> None:
            started.wait()
            numbers.append(store.transact(lambda transaction: transaction.writers.get(writer).number))

        in_threads(ask, 8)
        assert len(set(numbers)) == 1

    def test_the_same_batch_may_come_from_many_at_once(self, store: Store) -> None:
        run, writer = make.new_id(), make.new_id()
        tasks = [make.new_id() for _ in range(50)]
        batch = [
            make.run_opened(run, writer, tags=["a"]),
            *(make.task_opened(task, run, started=True) for task in tasks),
            *(make.log_line(run, f"{number}") for number in range(50)),
            make.artifact(run, "report"),
        ]

        def deliver(_: int) -> None:
            for _turn in range(3):
                store.transact(lambda transaction: ingest(transaction, writer, enumerate(batch, 1)))

        in_threads(deliver, 8)
        with store.read() as transaction:
            for table, count in (("flow_runs", 1), ("task_runs", 50), ("logs", 50), ("artifacts", 1)):
                assert transaction.execute(f"SELECT count(*) FROM {table}") == [(count,)], table


class TestAnnouncements:
    def test_who_listens_hears_what_was_committed(self, store: Store) -> None:
        heard: list[tuple[str, str]] = []
        stop = store.listen(lambda topic, text: heard.append((topic, text)))
        with store.write() as transaction:
            transaction.announce("runs", "ab cd")
            transaction.announce("runs", "ab cd")
            transaction.announce("events")
        with pytest.raises(KeyError), store.write() as transaction:
            transaction.announce("lost")
            raise KeyError
        with store.write() as transaction:
            transaction.announce("last", "Ü")
        eventually(lambda: ("last", "Ü") in heard)
        assert heard == [("runs", "ab cd"), ("events", ""), ("last", "Ü")]
        stop()

    def test_what_is_long_comes_in_parts(self, store: Store) -> None:
        heard: list[tuple[str, str]] = []
        stop = store.listen(lambda topic, text: heard.append((topic, text)))
        ids = [make.new_id().hex() for _ in range(1_000)]
        with store.write() as transaction:
            transaction.announce("runs", " ".join(ids))
            transaction.announce("end")
        eventually(lambda: ("end", "") in heard)
        assert [one for topic, text in heard if topic == "runs" for one in text.split()] == ids
        stop()

    def test_who_stopped_hears_nothing(self, store: Store) -> None:
        heard: list[str] = []
        first = store.listen(lambda topic, text: heard.append(topic))
        first()
        second = store.listen(lambda topic, text: heard.append(f"second {topic}"))
        with store.write() as transaction:
            transaction.announce("runs")
        eventually(lambda: heard == ["second runs"])
        second()

    def test_a_listener_that_fails_keeps_nobody_from_hearing(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails() -> None:
            raise KeyError

        heard: list[str] = []
        stops = [store.listen(lambda topic, text: fails()), store.listen(lambda topic, text: heard.append(topic))]
        with store.write() as transaction:
            transaction.announce("runs")
        eventually(lambda: heard == ["runs"])
        assert "A listener to announcements of the store failed" in caplog.text
        for stop in stops:
            stop()


class TestSizes:
    def test_every_table_has_a_size(self, store: Store) -> None:
        flow_run(store)
        sizes = {size.name: size for size in store.table_sizes()}
        assert {"flow_runs", "task_runs", "logs", "events", "artifacts", "meta"} <= set(sizes)
        assert sizes["flow_runs"].bytes > 0
        assert sizes["flow_runs"].oldest is not None

    def test_lines_of_log_are_counted_though_their_numbers_have_gaps(self, store: Store) -> None:
        run = make.new_id()
        take_in(store, *(make.log_line(run, str(number)) for number in range(5)))
        sizes = {size.name: size for size in store.table_sizes()}
        assert all(size.rows <= 5 for name, size in sizes.items() if name.startswith("logs"))
