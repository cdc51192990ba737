"""How every store lists, sorts, counts and searches, whatever database is behind it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from levada.core.errors import ParameterError
from levada.core.states import StateType, datetime_of
from levada.store.base import Store
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from tests.contract.stored import event, flow_run, flow_run_ids, messages, take_in, task_run, task_run_ids
from tests.unit.control import records as make


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
