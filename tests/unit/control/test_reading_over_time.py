"""Questions over many runs and over time, on both databases: counts with a bound, history, lateness, graphs, events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from levada.control import ControlPlane
from levada.control.event_queries import event_row, event_view
from levada.control.exports import export_logs
from levada.control.graph import OVERLAP_US
from levada.control.ingest import ingest
from levada.core.errors import RequestInvalid
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType, datetime_of
from levada.store.opening import open_store
from levada.wire.changes import SavedSearch
from levada.wire.events import Event, EventQuery
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import Count
from levada.wire.records import Record
from tests.unit.control import records as make

_T = StateType
HOUR = 3_600_000_000


@pytest.fixture(params=["sqlite", "postgres"])
def control(request: pytest.FixtureRequest, levada_home: Path) -> Iterator[ControlPlane]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with ControlPlane(levada_home, store=open_store(levada_home, DatabaseSettings(url=url))) as made:
        yield made


def take_in(control: ControlPlane, *records: Record) -> None:
    with control.store.write() as transaction:
        ingest(transaction, make.new_id(), enumerate(records, 1))


def run_at(at: int, *, late: int = 0, lasted: int = 0, name: str = "r") -> list[Record]:
    """A completed run that was made at a moment, started so much later, and took so long."""
    run = make.new_id()
    return [
        make.run_opened(run, make.new_id(), at=at, name=name),
        make.run_state(run, _T.RUNNING, 2, at=at + late),
        make.run_state(run, _T.COMPLETED, 3, at=at + late + lasted),
    ]


def test_history_has_every_part_of_its_range_and_nothing_outside_of_it(control: ControlPlane) -> None:
    start = make.START + HOUR
    inside = [start, start + HOUR - 1, start + HOUR, start + 3 * HOUR - 1]
    outside = [start - 1, start + 3 * HOUR]
    for at in inside + outside:
        take_in(control, *run_at(at, late=2_000_000, lasted=5_000_000))
    buckets = control.flow_run_history(FlowRunQuery(), datetime_of(start), datetime_of(start + 3 * HOUR), 3)
    assert [sum(state.count for state in bucket.states) for bucket in buckets] == [2, 1, 1]
    assert [bucket.start for bucket in buckets] == [datetime_of(start + n * HOUR) for n in range(3)]
    first = buckets[0].states[0]
    assert (first.type, first.name) == (_T.COMPLETED, "Completed")
    assert (first.total_seconds, first.late_seconds) == (10.0, 4.0)


def test_a_range_that_does_not_divide_evenly_is_covered_to_its_end(control: ControlPlane) -> None:
    start = make.START
    end = start + 10
    take_in(control, *run_at(start + 9))
    buckets = control.flow_run_history(FlowRunQuery(), datetime_of(start), datetime_of(end), 3)
    assert buckets[-1].end == datetime_of(end)
    assert sum(state.count for bucket in buckets for state in bucket.states) == 1


@pytest.mark.parametrize(("start", "buckets"), [(0, 50), (HOUR, 50), (-HOUR, 0), (-HOUR, 501)])
def test_a_history_that_cannot_be_is_refused(control: ControlPlane, start: int, buckets: int) -> None:
    with pytest.raises(RequestInvalid):
        control.flow_run_history(FlowRunQuery(), datetime_of(make.START + start), datetime_of(make.START), buckets)


def test_lateness_is_the_average_of_all_runs_found(control: ControlPlane) -> None:
    take_in(control, *run_at(make.START, late=4_000_000, name="a"), *run_at(make.START, late=0, name="b"))
    found = control.flow_run_lateness(FlowRunQuery())
    assert (found.average_seconds, found.runs) == (2.0, 2)
    assert control.flow_run_lateness(FlowRunQuery(names=["a"])).average_seconds == 4.0
    assert control.flow_run_lateness(FlowRunQuery(names=["nobody"])).runs == 0


def test_counting_stops_at_the_bound_and_says_so(control: ControlPlane) -> None:
    run = make.new_id()
    tasks = [make.task_opened(make.new_id(), run, name=f"t-{number}") for number in range(5)]
    take_in(control, make.run_opened(run, make.new_id()), *run_at(make.START), *run_at(make.START), *tasks)
    assert control.count_flow_runs_up_to(FlowRunQuery(), 2) == Count(2, exact=False)
    assert control.count_flow_runs_up_to(FlowRunQuery(), 3) == Count(3, exact=True)
    query = TaskRunQuery(flow_run_ids=[UUID(bytes=run)])
    assert control.count_task_runs_up_to(query, 4) == Count(4, exact=False)
    assert control.count_task_runs_up_to(query) == Count(5, exact=True)


def test_who_follows_a_graph_by_its_moments_misses_nothing(control: ControlPlane) -> None:
    run = make.new_id()
    take_in(control, make.run_opened(run, make.new_id()))
    seen: dict[UUID, Any] = {}
    since = None
    tasks = [make.new_id() for _ in range(6)]
    for task in tasks:
        take_in(control, make.task_opened(task, run, name=task.hex(), started=True))
        graph = control.flow_run_graph(run, since)
        seen |= {node.id: node for node in graph.nodes}
        since = graph.changed
    take_in(control, make.task_state(tasks[0], run, _T.COMPLETED, 1))
    graph = control.flow_run_graph(run, since)
    seen |= {node.id: node for node in graph.nodes}
    assert set(seen) == {UUID(bytes=task) for task in tasks}
    assert seen[UUID(bytes=tasks[0])].state_type is _T.COMPLETED
    assert graph.changed - since < timedelta(microseconds=OVERLAP_US)


def test_a_graph_since_a_moment_is_read_page_by_page(control: ControlPlane) -> None:
    run = make.new_id()
    tasks = [make.task_opened(make.new_id(), run, name=f"t-{number}") for number in range(7)]
    take_in(control, make.run_opened(run, make.new_id()), *tasks)
    found: list[str] = []
    cursor = None
    while True:
        page = control.flow_run_graph(run, datetime_of(0), limit=3, cursor=cursor)
        found += [node.label for node in page.nodes]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(found) == [f"t-{number}" for number in range(7)]


def test_an_event_comes_out_of_its_row_as_it_went_in() -> None:
    event = Event(
        id=UUID(bytes=make.new_id()),
        occurred=datetime_of(make.START),
        event="a.b",
        resource={"id": "x"},
        related=[{"id": "levada.flow-run.nonsense"}, {"id": f"levada.flow-run.{UUID(int=7)}"}],
        payload={"n": [1, None]},
    )
    row = event_row(event)
    assert row.run == UUID(int=7).bytes
    assert event_view(row) == event
    assert event_view(row._replace(position=3)).position == 3


def test_events_wait_in_the_outbox_until_they_are_dispatched(control: ControlPlane) -> None:
    event = Event(id=UUID(bytes=make.new_id()), occurred=datetime_of(make.START), event="a.b", resource={"id": "x"})
    assert control.emit_events([event]) == 1
    assert control.read_events(EventQuery()).items[0].position is None
    with control.store.write() as transaction:
        assert len(transaction.events.dispatch(10)) == 1
    assert control.read_events(EventQuery()).items[0].position == 1


def test_an_export_reads_page_by_page_and_keeps_the_order(control: ControlPlane) -> None:
    run = make.new_id()
    take_in(control, make.run_opened(run, make.new_id()), *[make.log_line(run, f"line {n}") for n in range(2100)])
    query = LogQuery(flow_run_ids=[UUID(bytes=run)], limit=1)
    parts = list(export_logs(control.read_logs, query, "text"))
    assert len(parts) == 3
    lines = b"".join(parts).decode().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [f"line {n}" for n in range(2100)]


def test_saved_searches_keep_their_id_when_they_change(control: ControlPlane) -> None:
    first = control.write_search(SavedSearch(name="a", page="logs", query={"text": "x"}))
    second = control.write_search(SavedSearch(name="a", page="logs", query={"text": "y"}))
    assert (second.id, second.created) == (first.id, first.created)
    assert [search.query for search in control.read_searches("logs")] == [{"text": "y"}]
    assert first.id is not None
    assert control.delete_search(first.id)
    assert not control.delete_search(first.id)


def test_one_of_nothing_finds_nothing_whatever_else_is_asked(control: ControlPlane) -> None:
    """An empty list beside a filter that has an index of its own was something that SQLite could not plan."""
    run = UUID(bytes=make.new_id())
    assert control.read_events(EventQuery(event_prefixes=["no.such"], flow_run_ids=[run])).items == []
    assert control.count_events(EventQuery(event_prefixes=["no.such"], flow_run_ids=[run]), "event") == []
    assert control.read_flow_runs(FlowRunQuery(flow_names=["etl"], names=[], tags_all=["x"])).items == []
    assert control.count_task_runs(TaskRunQuery(flow_run_ids=[run], names=[])) == 0
