"""What every store does, whatever database is behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from levada.control.ingest import ingest
from levada.core.errors import ParameterError
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType, datetime_of
from levada.store.base import EventRow, Store, Transaction, WriterRow
from levada.store.migrations.standing import WORKS_WITH_KEY
from levada.store.opening import open_store
from levada.testing import eventually
from levada.wire.events import EventQuery
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.records import Record
from tests.migration.ahead import prepare
from tests.postgres import database
from tests.unit.control import records as make


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server_url: str) -> Iterator[str]:
    """A database with our tables that the tests of this module share; each starts by emptying it."""
    with database(postgres_server_url) as url:
        prepare(Path(), url)
        open_store(Path(), DatabaseSettings(url=url)).close()
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        prepare(tmp_path, None)
        made = open_store(tmp_path, DatabaseSettings())
    else:
        made = open_store(tmp_path, DatabaseSettings(url=request.getfixturevalue("module_postgres_url")))
        empty(made)
    yield made
    made.close()


def empty(store: Store) -> None:
    """Remove every row that a test can have made."""
    with store.write() as transaction:
        tables = transaction.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = current_schema()::regnamespace AND relname NOT IN ('alembic_version', 'meta')"
        )
        transaction.execute("; ".join(f"DELETE FROM {table}" for (table,) in tables))
        # What the database says about its schema is no row of a test.
        transaction.execute("DELETE FROM meta WHERE key <> ?", (WORKS_WITH_KEY,))


def take_in(store: Store, *records: Record, writer: bytes | None = None) -> None:
    with store.write() as transaction:
        ingest(transaction, writer or make.new_id(), enumerate(records, 1))


def flow_run(store: Store, kind: StateType = StateType.COMPLETED, **fields: Any) -> UUID:
    """A flow run that ended so."""
    run, writer = make.new_id(), make.new_id()
    take_in(store, make.run_opened(run, writer, **fields), make.run_state(run, kind, 2), writer=writer)
    return UUID(bytes=run)


def task_run(store: Store, run: UUID | None, kind: StateType = StateType.COMPLETED, **fields: Any) -> UUID:
    """A task run that ended so."""
    task = make.new_id()
    raw = None if run is None else run.bytes
    take_in(store, make.task_opened(task, raw, started=True, **fields), make.task_state(task, raw, kind, 2))
    return UUID(bytes=task)


def flow_run_ids(store: Store, **query: Any) -> list[UUID]:
    with store.read() as transaction:
        return [UUID(bytes=row.id) for row in transaction.flow_runs.page(FlowRunQuery(**query)).rows]


def task_run_ids(store: Store, **query: Any) -> list[UUID]:
    with store.read() as transaction:
        return [UUID(bytes=row.id) for row in transaction.task_runs.page(TaskRunQuery(**query)).rows]


def messages(store: Store, **query: Any) -> list[str]:
    with store.read() as transaction:
        return [row.message for row in transaction.logs.page(LogQuery(**query)).rows]


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


class TestFlowRuns:
    def test_lists_are_newest_first_unless_asked_otherwise(self, store: Store) -> None:
        runs = [flow_run(store) for _ in range(3)]
        assert flow_run_ids(store) == runs[::-1]
        assert flow_run_ids(store, oldest_first=True) == runs

    def test_pages_put_together_are_the_whole_list(self, store: Store) -> None:
        runs = [flow_run(store, flow=["etl", "train"][number % 2]) for number in range(7)]
        for query in (FlowRunQuery(limit=3), FlowRunQuery(limit=2, flow_names=["train", "etl"])):
            seen: list[UUID] = []
            while True:
                with store.read() as transaction:
                    page = transaction.flow_runs.page(query)
                seen += [UUID(bytes=row.id) for row in page.rows]
                if page.next is None:
                    break
                query.cursor = page.next
            assert seen == runs[::-1]

    def test_a_run_that_comes_while_pages_are_read_shifts_nothing(self, store: Store) -> None:
        runs = [flow_run(store) for _ in range(4)]
        with store.read() as transaction:
            first = transaction.flow_runs.page(FlowRunQuery(limit=2))
        flow_run(store)
        assert flow_run_ids(store, limit=2, cursor=first.next) == [runs[1], runs[0]]

    def test_every_filter_finds_what_it_names(self, store: Store) -> None:
        parent = flow_run(store, name="calm-newt", flow="daily", tags=["x", "y"])
        parent_task = make.new_id()
        child = flow_run(
            store, StateType.FAILED, parent_run=parent.bytes, parent_task=parent_task, name="wild-hare", tags=["x"]
        )
        assert flow_run_ids(store, ids=[parent]) == [parent]
        assert flow_run_ids(store, id_prefix=str(child)) == [child]
        assert flow_run_ids(store, names=["calm-newt", "nobody"]) == [parent]
        assert flow_run_ids(store, name_like="HARE") == [child]
        assert flow_run_ids(store, flow_names=["daily"]) == [parent]
        assert flow_run_ids(store, state_types=[StateType.FAILED, StateType.CRASHED]) == [child]
        assert flow_run_ids(store, state_names=["Completed"]) == [parent]
        assert flow_run_ids(store, flow_names=["daily", "etl"], state_types=[StateType.FAILED]) == [child]
        assert flow_run_ids(store, tags_all=["x"]) == [child, parent]
        assert flow_run_ids(store, tags_all=["x", "y"]) == [parent]
        assert flow_run_ids(store, tags_all=["x"], state_types=[StateType.FAILED]) == [child]
        assert flow_run_ids(store, parent_flow_run_ids=[parent]) == [child]
        assert flow_run_ids(store, parent_task_run_ids=[UUID(bytes=parent_task)]) == [child]
        assert flow_run_ids(store, top_level=True) == [parent]
        assert flow_run_ids(store, top_level=False) == [child]
        assert flow_run_ids(store, flow_names=[]) == []

    def test_names_are_searched_for_as_they_are_written(self, store: Store) -> None:
        odd = flow_run(store, name="100%_done")
        flow_run(store, name="100 xdone")
        assert flow_run_ids(store, name_like="%_d") == [odd]

    def test_runs_are_found_by_when_they_started(self, store: Store) -> None:
        early, late = flow_run(store), flow_run(store)
        with store.read() as transaction:
            rows = transaction.flow_runs.load([early.bytes, late.bytes])
        assert rows[late.bytes].started is None
        run = make.new_id()
        running = make.run_state(run, StateType.RUNNING, 2)
        take_in(store, make.run_opened(run, make.new_id()), running)
        moment = datetime_of(running.at)
        assert flow_run_ids(store, started_after=moment) == [UUID(bytes=run)]
        assert flow_run_ids(store, started_before=moment) == []

    def test_states_are_counted(self, store: Store) -> None:
        for kind in (StateType.COMPLETED, StateType.COMPLETED, StateType.FAILED):
            flow_run(store, kind)
        with store.read() as transaction:
            assert transaction.flow_runs.count_by_state(FlowRunQuery()) == {5: 2, 6: 1}
            assert transaction.flow_runs.count_by_state(FlowRunQuery(flow_names=["etl"], limit=1)) == {5: 2, 6: 1}
            assert transaction.flow_runs.count_by_state(FlowRunQuery(flow_names=["other"])) == {}

    def test_names_of_any_length_and_kind_are_kept(self, store: Store) -> None:
        long = "".join(chr(0x4E00 + number % 20_000) for number in range(6_000))
        run = flow_run(store, name=long, flow=long, tags=[long, "a\0b"], labels={long: long}, shown={"x": long})
        task_run(store, run, key=long, name=long, tags=[long])
        take_in(store, make.artifact(run.bytes, long), make.log_line(run.bytes, long * 20))
        row = event(long, resource=long)
        assert store.transact(lambda transaction: transaction.events.add([row])) == 1
        assert flow_run_ids(store, tags_all=[long], labels={long: long}, parameters={"x": long}) == [run]
        assert flow_run_ids(store, names=[long[:500]]) == [run]
        assert flow_run_ids(store, tags_any=["a\0b", "c"]) == [run]
        assert flow_run_ids(store, names=["a\0b"], name_like="\0") == []

    def test_durations_that_no_database_holds_find_nothing(self, store: Store) -> None:
        flow_run(store)
        assert flow_run_ids(store, min_seconds=1e308) == []
        assert task_run_ids(store, max_seconds=-1e308) == []

    def test_a_cursor_of_something_else_is_refused(self, store: Store) -> None:
        for cursor in ("nonsense!", "AAAA", ""):
            with pytest.raises(ParameterError, match="cursor"):
                flow_run_ids(store, cursor=cursor)
        with pytest.raises(ParameterError, match="at least one"):
            flow_run_ids(store, limit=0)
        with pytest.raises(ParameterError, match="beginning of an id"):
            flow_run_ids(store, id_prefix="xyz")


class TestTaskRuns:
    def test_lists_are_in_the_order_of_making_whatever_the_states(self, store: Store) -> None:
        run = flow_run(store)
        kinds = [StateType.FAILED, StateType.COMPLETED, StateType.CRASHED, StateType.COMPLETED]
        tasks = [task_run(store, run, kind) for kind in kinds]
        assert task_run_ids(store, flow_run_ids=[run]) == tasks
        assert task_run_ids(store, flow_run_ids=[run], newest_first=True, limit=3) == tasks[:0:-1]

    def test_pages_put_together_are_the_whole_list(self, store: Store) -> None:
        run = flow_run(store)
        kinds = [StateType.FAILED, StateType.COMPLETED, StateType.CRASHED] * 3
        tasks = [task_run(store, run, kind) for kind in kinds]
        seen, cursor = [], None
        while True:
            with store.read() as transaction:
                page = transaction.task_runs.page(TaskRunQuery(flow_run_ids=[run], limit=2, cursor=cursor))
            seen += [UUID(bytes=row.id) for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
        assert seen == tasks

    def test_every_filter_finds_what_it_names(self, store: Store) -> None:
        run, other = flow_run(store), flow_run(store)
        first = task_run(store, run, key="extract", name="extract-0", tags=["x", "y"])
        second = task_run(store, run, StateType.FAILED, key="load", name="load-0", tags=["x"])
        loose = task_run(store, None, key="load", name="load-1")
        foreign = task_run(store, other, key="extract", code="changed")
        assert task_run_ids(store, ids=[second, first]) == [first, second]
        assert task_run_ids(store, ids=[second, first], flow_run_ids=[run], task_keys=["load"]) == [second]
        assert task_run_ids(store, id_prefix=str(loose)) == [loose]
        assert task_run_ids(store, flow_run_ids=[run, other]) == [first, second, foreign]
        assert task_run_ids(store, names=["load-1"]) == [loose]
        assert task_run_ids(store, flow_run_ids=[run], name_like="load") == [second]
        assert task_run_ids(store, task_keys=["extract"]) == [first, foreign]
        assert task_run_ids(store, task_keys=["nothing"]) == []
        assert task_run_ids(store, state_types=[StateType.FAILED]) == [second]
        assert task_run_ids(store, state_types=[StateType.FAILED, StateType.COMPLETED]) == [
            first,
            second,
            loose,
            foreign,
        ]
        assert task_run_ids(store, state_names=["Failed"], flow_run_ids=[other]) == []
        assert task_run_ids(store, tags_all=["x"]) == [first, second]
        assert task_run_ids(store, tags_all=["y", "x"]) == [first]

    def test_they_are_found_by_what_went_wrong_and_how_long_they_took(self, store: Store) -> None:
        run = flow_run(store)
        found = []
        for seconds, kind in ((1, StateType.COMPLETED), (5, StateType.FAILED)):
            task = make.new_id()
            opened = make.task_opened(task, run.bytes, started=True)
            ended = make.task_state(task, run.bytes, kind, 2, at=opened.at + seconds * 1_000_000, message="Disk FULL")
            take_in(store, opened, ended)
            found.append(UUID(bytes=task))
        assert task_run_ids(store, error_like="disk full") == found[1:]
        assert task_run_ids(store, error_like="disk full", flow_run_ids=[run]) == found[1:]
        assert task_run_ids(store, min_seconds=1, max_seconds=4.5) == found[:1]
        assert task_run_ids(store, flow_run_ids=[run], min_seconds=5) == found[1:]

    def test_open_ones_are_found_by_run_and_by_who_recorded_them(self, store: Store) -> None:
        run, parent, child = make.new_id(), make.new_id(), make.new_id()
        waiting, running, done = make.new_id(), make.new_id(), make.new_id()
        take_in(store, *(make.task_opened(task, run) for task in (waiting, running, done)), writer=parent)
        take_in(store, make.task_state(running, run, StateType.RUNNING, 1), writer=child)
        take_in(store, make.task_state(done, run, StateType.COMPLETED, 1), writer=child)
        with store.read() as transaction:
            tasks = transaction.task_runs
            assert {row.id for row in tasks.open_of_run(run)} == {waiting, running}
            assert [row.id for row in tasks.open_of_holder(child)] == [running]
            assert [row.id for row in tasks.open_of_holder(parent)] == [waiting]
            assert [row.id for row in tasks.of_run(run)] == [waiting, running, done]

    def test_what_was_called_is_numbered_once(self, store: Store) -> None:
        with store.write() as transaction:
            number = transaction.task_runs.call_number("extract", None)
            assert transaction.task_runs.call_number("extract", None) == number
            other = transaction.task_runs.call_number("extract", "c0de")
        with store.write() as transaction:
            assert transaction.task_runs.call_number("extract", None) == number != other
            assert transaction.task_runs.calls([number, other, 999_999]) == {
                number: ("extract", None),
                other: ("extract", "c0de"),
            }


class TestLogs:
    def test_lines_are_in_the_order_of_writing(self, store: Store) -> None:
        run = make.new_id()
        take_in(store, *(make.log_line(run, str(number), at=make.START) for number in range(5)))
        own = UUID(bytes=run)
        assert messages(store, flow_run_ids=[own]) == ["0", "1", "2", "3", "4"]
        assert messages(store, flow_run_ids=[own], newest_first=True, limit=2) == ["4", "3"]

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_pages_split_lines_of_the_same_moment(self, store: Store, newest_first: bool) -> None:
        run = make.new_id()
        take_in(store, *(make.log_line(run, str(number), at=make.START + number // 4) for number in range(10)))
        query = LogQuery(flow_run_ids=[UUID(bytes=run)], limit=3, newest_first=newest_first)
        seen: list[str] = []
        while True:
            with store.read() as transaction:
                page = transaction.logs.page(query)
            seen += [row.message for row in page.rows]
            if page.next is None:
                break
            query.cursor = page.next
        wanted = [str(number) for number in range(10)]
        assert seen == (wanted[::-1] if newest_first else wanted)

    def test_lines_of_several_runs_are_one_list(self, store: Store) -> None:
        runs = [make.new_id(), make.new_id()]
        take_in(store, *(make.log_line(runs[number % 2], str(number)) for number in range(4)))
        assert messages(store, flow_run_ids=[UUID(bytes=run) for run in runs]) == ["0", "1", "2", "3"]
        assert messages(store) == ["0", "1", "2", "3"]

    def test_every_filter_finds_what_it_names(self, store: Store) -> None:
        run, task = make.new_id(), make.new_id()
        moments = [make.tick() for _ in range(3)]
        take_in(
            store,
            make.log_line(run, "begin", at=moments[0]),
            make.log_line(run, "50% lost", task, level=40, at=moments[1]),
            make.log_line(None, "outside", at=moments[2]),
        )
        assert messages(store, task_run_ids=[UUID(bytes=task)]) == ["50% lost"]
        assert messages(store, flow_run_ids=[UUID(bytes=run)], min_level=30) == ["50% lost"]
        assert messages(store, text="0% L") == ["50% lost"]
        assert messages(store, after=datetime_of(moments[1])) == ["50% lost", "outside"]
        assert messages(store, before=datetime_of(moments[1])) == ["begin"]

    def test_a_line_that_comes_twice_is_there_once(self, store: Store) -> None:
        writer, line = make.new_id(), make.log_line(None)
        take_in(store, line, writer=writer)
        take_in(store, line, writer=writer)
        assert messages(store) == ["hello"]


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


class TestSorting:
    def test_runs_are_sorted_by_what_is_asked_for_page_by_page(self, store: Store) -> None:
        made = []
        for number in range(6):
            run, writer = make.new_id(), make.new_id()
            begun = make.START + (number * 5 % 6) * 1_000_000
            records = [
                make.run_opened(run, writer, name=f"run-{number * 5 % 7}"),
                make.run_state(run, StateType.RUNNING, 2, at=begun),
                make.run_state(run, StateType.COMPLETED, 3, at=begun + (number * 3 % 5) * 1_000_000),
            ]
            take_in(store, *records, writer=writer)
            made.append(run)
        with store.read() as transaction:
            rows = list(transaction.flow_runs.load(made).values())
        wanted = {
            "started": lambda row: (row.started, row.id),
            "ended": lambda row: (row.ended, row.id),
            "expected": lambda row: (row.expected, row.id),
            "name": lambda row: (row.name, row.id),
            "duration": lambda row: (row.ended - row.started, row.id),
            "id": lambda row: row.id,
        }
        for sort, key in wanted.items():
            for sign in ("", "-"):
                expected = [UUID(bytes=row.id) for row in sorted(rows, key=key, reverse=bool(sign))]
                assert self.all_pages(store, FlowRunQuery(sort=sign + sort, limit=2)) == expected, sign + sort

    def test_runs_that_did_not_start_or_end_have_their_place(self, store: Store) -> None:
        run, writer = make.new_id(), make.new_id()
        take_in(store, make.run_opened(run, writer), make.run_state(run, StateType.RUNNING, 2), writer=writer)
        ended = flow_run(store)
        assert flow_run_ids(store, sort="-ended") == [UUID(bytes=run), ended]
        assert flow_run_ids(store, sort="duration") == sorted([UUID(bytes=run), ended])

    def test_a_sort_that_does_not_exist_is_told(self, store: Store) -> None:
        with pytest.raises(ParameterError, match="sorted by 'colour'"):
            flow_run_ids(store, sort="colour")

    def test_a_cursor_of_another_order_is_refused(self, store: Store) -> None:
        for _ in range(2):
            flow_run(store)
        with store.read() as transaction:
            cursor = transaction.flow_runs.page(FlowRunQuery(sort="name", limit=1)).next
        with pytest.raises(ParameterError, match="cursor"):
            flow_run_ids(store, sort="started", cursor=cursor)

    def all_pages(self, store: Store, query: FlowRunQuery) -> list[UUID]:
        seen: list[UUID] = []
        while True:
            with store.read() as transaction:
                page = transaction.flow_runs.page(query)
            seen += [UUID(bytes=row.id) for row in page.rows]
            query.cursor = page.next
            if page.next is None:
                return seen


class TestFacts:
    def test_runs_are_found_by_tags_parameters_and_labels(self, store: Store) -> None:
        first = flow_run(store, tags=["x"], shown={"day": "'monday'"}, labels={"team": "blue", "size": 3})
        second = flow_run(store, tags=["y"], shown={"day": "'monday'"})
        third = flow_run(store, shown={"day": "x" * 500})
        assert flow_run_ids(store, parameters={"day": "'monday'"}) == [second, first]
        assert flow_run_ids(store, parameters={"day": "'monday'"}, tags_all=["x"]) == [first]
        assert flow_run_ids(store, parameters={"day": "x" * 500}) == [third]
        assert flow_run_ids(store, labels={"team": "blue", "size": "3"}) == [first]
        assert flow_run_ids(store, tags_any=["x", "y", "z"]) == [second, first]
        assert flow_run_ids(store, tags_any=["x", "y"], labels={"team": "blue"}) == [first]
        assert flow_run_ids(store, tags_any=[]) == []
        assert flow_run_ids(store, tags_any=["x"], sort="name") == [first]

    def test_facts_follow_the_run(self, store: Store) -> None:
        run = flow_run(store, tags=["x"])
        take_in(store, make.run_changed(run.bytes, 9, tags=["late"]))
        assert flow_run_ids(store, tags_all=["x", "late"]) == [run]
        with store.write() as transaction:
            transaction.flow_runs.delete(run.bytes)
            assert transaction.execute("SELECT count(*) FROM flow_run_facts") == [(0,)]


class TestRangesAndSums:
    def test_runs_are_found_by_times_durations_errors_and_origin(self, store: Store) -> None:
        deployment = make.new_id()
        run, writer = make.new_id(), make.new_id()
        begun = make.START + 60_000_000
        take_in(
            store,
            make.run_opened(run, writer, version="7", created_by="ann", deployment=deployment, at=make.START),
            make.run_state(run, StateType.RUNNING, 2, at=begun),
            make.run_state(run, StateType.FAILED, 3, at=begun + 5_000_000, message="No space left on device"),
            writer=writer,
        )
        other = make.new_id()
        take_in(store, make.run_opened(other, writer, at=make.START + 500_000_000), writer=writer)
        own, moment = UUID(bytes=run), datetime_of(begun)
        second = timedelta(seconds=1)
        assert flow_run_ids(store, started_after=moment, started_before=moment + second) == [own]
        assert flow_run_ids(store, ended_after=moment, ended_before=moment + 6 * second) == [own]
        assert flow_run_ids(store, created_before=moment) == [own]
        assert flow_run_ids(store, expected_after=moment) == [UUID(bytes=other)]
        assert flow_run_ids(store, min_seconds=5, max_seconds=5) == [own]
        assert flow_run_ids(store, min_seconds=6) == flow_run_ids(store, max_seconds=4) == []
        assert flow_run_ids(store, error_like="SPACE left") == [own]
        assert flow_run_ids(store, error_like="tape") == []
        assert flow_run_ids(store, created_by=["ann"]) == flow_run_ids(store, flow_versions=["7", "8"]) == [own]
        assert flow_run_ids(store, deployment_ids=[UUID(bytes=deployment)]) == [own]

    def test_rows_are_counted_no_further_than_to_a_bound(self, store: Store) -> None:
        run = flow_run(store)
        for _ in range(4):
            flow_run(store, StateType.FAILED)
            task_run(store, run)
        with store.read() as transaction:
            assert transaction.flow_runs.count_up_to(FlowRunQuery(), 100) == 5
            assert transaction.flow_runs.count_up_to(FlowRunQuery(), 3) == 3
            both = FlowRunQuery(state_types=[StateType.FAILED, StateType.COMPLETED])
            assert transaction.flow_runs.count_up_to(both, 5) == 5
            assert transaction.task_runs.count_up_to(TaskRunQuery(flow_run_ids=[run]), 100) == 4

    def test_runs_are_summed_up_by_part_of_a_range_and_state(self, store: Store) -> None:
        for number in range(4):
            run, writer = make.new_id(), make.new_id()
            at = make.START + number * 60_000_000
            kind = [StateType.COMPLETED, StateType.FAILED][number // 3]
            records = [
                make.run_opened(run, writer, at=at),
                make.run_state(run, StateType.RUNNING, 2, at=at + 1_000_000),
                make.run_state(run, kind, 3, at=at + 3_000_000),
            ]
            take_in(store, *records, writer=writer)
        with store.read() as transaction:
            table = transaction.flow_runs
            found = table.histogram(FlowRunQuery(), make.START, make.START + 240_000_000, 120_000_000)
            narrow = table.histogram(FlowRunQuery(flow_names=["other"]), make.START, make.START + 1, 1)
        second = 1_000_000
        assert found == [
            ((0, 5, None), (2, 4 * second, 2 * second)),
            ((1, 5, None), (1, 2 * second, second)),
            ((1, 6, None), (1, 2 * second, second)),
        ]
        assert narrow == []

    def test_what_changed_is_read_in_the_order_of_change(self, store: Store) -> None:
        run = flow_run(store)
        before = [task_run(store, run) for _ in range(3)]
        with store.read() as transaction:
            rows = transaction.task_runs.load([task.bytes for task in before])
        since = max(row.changed for row in rows.values())
        assert self.changed(store, run, 0) == before
        assert self.changed(store, run, since) == []
        take_in(store, make.task_changed(before[0].bytes, run.bytes, 9, "renamed"))
        assert self.changed(store, run, since) == [before[0]]
        with store.read() as transaction:
            assert [row.id for row in transaction.flow_runs.changed_since(0, 10).rows] == [run.bytes]

    def test_a_record_that_comes_again_changes_nothing(self, store: Store) -> None:
        run, task, writer = make.new_id(), make.new_id(), make.new_id()
        records = [make.run_opened(run, writer), make.task_opened(task, run, started=True)]
        take_in(store, *records, writer=writer)
        with store.read() as transaction:
            before = transaction.flow_runs.load([run]), transaction.task_runs.load([task])
        take_in(store, *records, writer=writer)
        with store.read() as transaction:
            assert (transaction.flow_runs.load([run]), transaction.task_runs.load([task])) == before

    def changed(self, store: Store, run: UUID, since: int) -> list[UUID]:
        seen: list[UUID] = []
        cursor = None
        while True:
            with store.read() as transaction:
                page = transaction.task_runs.changed_since(run.bytes, since, 2, cursor)
            seen += [UUID(bytes=row.id) for row in page.rows]
            cursor = page.next
            if cursor is None:
                return seen


class TestTextOfLogs:
    @pytest.fixture(params=["indexed", "waiting"])
    def lines(self, request: pytest.FixtureRequest, store: Store) -> Store:
        run = make.new_id()
        for text in ("Disk full on worker seven", "disk half full", "Über den Wolken", "100% done: 7_8", 'said "no"'):
            take_in(store, make.log_line(run, text))
        while request.param == "indexed" and store.transact(lambda transaction: transaction.logs.index_text(2)):
            continue
        return store

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("disk", [0, 1]),
            ("DISK full", [0, 1]),
            ('"disk full"', [0]),
            ("full -half", [0]),
            ("worker OR wolken", [0, 2]),
            ('"half full" OR wolken', [1, 2]),
            ("orker", [0]),
            ("% done", [3]),
            ("7_8", [3]),
            ("x_8", []),
            ('-disk -"100% done"', [2, 4]),
            ('"no"', [4]),
            ("on", [0, 3]),
            ("", [0, 1, 2, 3, 4]),
        ],
    )
    def test_lines_are_found_by_their_text(self, lines: Store, text: str, found: list[int]) -> None:
        everything = messages(lines)
        assert messages(lines, text=text) == [everything[number] for number in found]

    def test_in_the_end_no_line_waits_for_its_index(self, store: Store) -> None:
        take_in(store, *(make.log_line(None, f"line {number}") for number in range(3)))
        while store.transact(lambda transaction: transaction.logs.index_text(2)):
            continue
        with store.read() as transaction:
            assert not transaction.logs.unindexed()

    def test_what_is_deleted_is_found_no_more(self, lines: Store) -> None:
        with lines.write() as transaction:
            (run,) = transaction.execute("SELECT run FROM logs")[0]
            assert transaction.logs.delete_of_run(run, 100) == 5
        assert messages(lines, text="disk") == []

    def test_zero_characters_do_no_harm(self, store: Store) -> None:
        take_in(store, make.log_line(None, "odd\0line"))
        assert messages(store, text="odd") in (["odd\0line"], ["odd\ufffdline"])


def event(name: str, run: bytes | None = None, at: int = make.START, resource: str = "r") -> EventRow:
    return EventRow(make.new_id(), None, at, name, resource, run, b"\x80")


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


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Do a work in so many threads; what goes wrong in one is raised."""
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, number) for number in range(count)]:
            done.result(timeout=60)


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
