"""What every store does, whatever database is behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from levada.control.ingest import ingest
from levada.core.errors import ParameterError
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType, datetime_of
from levada.store.base import Store, WriterRow
from levada.store.opening import open_store
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.records import Record
from tests.postgres import database
from tests.unit.control import records as make


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server_url: str) -> Iterator[str]:
    """A database with our tables that the tests of this module share; each starts by emptying it."""
    with database(postgres_server_url) as url:
        open_store(Path(), DatabaseSettings(url=url)).close()
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        made = open_store(tmp_path, DatabaseSettings())
    else:
        made = open_store(tmp_path, DatabaseSettings(url=request.getfixturevalue("module_postgres_url")))
        empty(made)
    yield made
    made.close()


def empty(store: Store) -> None:
    """Remove every row that a test can have made, and begin to number anew."""
    with store.write() as transaction:
        tables = transaction.execute(
            "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relkind IN ('r', 'p') "
            "AND relnamespace = current_schema()::regnamespace AND relname NOT IN ('alembic_version')"
        )[0][0]
        transaction.execute(f"TRUNCATE {tables} RESTART IDENTITY")


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
            assert transaction.task_runs.calls([number, other, 99]) == {
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
