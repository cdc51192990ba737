"""Graphs with folded maps, on both databases: what is shown, what is asked for, and that only what changed is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from levada.control import ControlPlane
from levada.control.folding import folded_graph, map_node_id
from levada.control.ingest import ingest
from levada.control.picture import FOLDED_FROM, Picture, Pictures
from levada.control.queries import flow_run_row
from levada.core.errors import ObjectNotFound, RequestInvalid
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType, datetime_of
from levada.store.opening import open_store
from levada.wire.objects import Graph, GraphNode
from levada.wire.records import Record
from tests.unit.control import records as make

_T = StateType
MAP, OTHER, SMALL = b"m" * 16, b"o" * 16, b"s" * 16


@pytest.fixture(params=["sqlite", "postgres"])
def control(request: pytest.FixtureRequest, levada_home: Path) -> Iterator[ControlPlane]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with ControlPlane(levada_home, store=open_store(levada_home, DatabaseSettings(url=url))) as made:
        yield made


class Told:
    """A flow run whose tasks are told of as a test wants."""

    def __init__(self, control: ControlPlane) -> None:
        self.control = control
        self.run = make.new_id()
        self.take(make.run_opened(self.run, make.new_id()), make.run_state(self.run, _T.RUNNING, 2))

    def take(self, *records: Record) -> None:
        with self.control.store.write() as transaction:
            ingest(transaction, make.new_id(), enumerate(records, 1))

    def task(self, *states: StateType, **fields: Any) -> bytes:
        task = make.new_id()
        told = [make.task_state(task, self.run, state, n) for n, state in enumerate(states, 1)]
        self.take(make.task_opened(task, self.run, **fields), *told)
        return task

    def items(self, map_id: bytes, count: int, *states: StateType, **fields: Any) -> list[bytes]:
        return [self.task(*states, map_id=map_id, map_index=index, **fields) for index in range(count)]

    def graph(self, **asked: Any) -> Graph:
        return self.control.flow_run_graph(self.run, **{"fold": "maps", **asked})

    def nodes(self, **asked: Any) -> dict[bytes, GraphNode]:
        """The nodes of all pages by id, none of which may come twice."""
        limit = asked.pop("limit", 3)
        found: dict[bytes, GraphNode] = {}
        cursor = None
        while True:
            page = self.graph(limit=limit, cursor=cursor, **asked)
            assert len(page.nodes) <= limit
            assert not found.keys() & {node.id.bytes for node in page.nodes}
            found |= {node.id.bytes: node for node in page.nodes}
            cursor = page.next
            if cursor is None:
                return found

    def map_node(self, map_id: bytes) -> bytes:
        return map_node_id(self.run, map_id)


@pytest.fixture
def told(control: ControlPlane) -> Told:
    return Told(control)


def test_a_map_is_one_node_and_a_small_one_is_its_items(told: Told) -> None:
    first = told.task(_T.RUNNING, _T.COMPLETED)
    done = told.items(MAP, FOLDED_FROM, _T.RUNNING, _T.COMPLETED, inputs={"x": [first]})
    told.task(_T.RUNNING, _T.FAILED, map_id=MAP, map_index=FOLDED_FROM, inputs={"x": [first]})
    few = told.items(SMALL, FOLDED_FROM - 1, _T.RUNNING, inputs={"x": [done[0]]})
    last = told.task(inputs={"x": [done[1], done[2], few[0], first]})
    nodes = told.nodes()
    assert nodes.keys() == {first, *few, last, told.map_node(MAP)}
    folded = nodes[told.map_node(MAP)]
    assert (folded.kind, folded.label, folded.size, folded.map_id) == ("map", "extract", FOLDED_FROM + 1, MAP.hex())
    assert folded.states == {_T.COMPLETED: FOLDED_FROM, _T.FAILED: 1}
    assert folded.parents == [UUID(bytes=first)]
    assert nodes[few[0]].parents == [folded.id]
    assert nodes[last].parents == [folded.id, UUID(bytes=few[0]), UUID(bytes=first)]


def test_a_map_begins_with_its_first_item_and_ends_with_its_last(told: Told) -> None:
    items = told.items(MAP, FOLDED_FROM, _T.RUNNING, _T.COMPLETED, key="shop.extract/extract")
    singles = {node.id.bytes: node for node in told.graph(fold=None).nodes}
    folded = told.nodes()[told.map_node(MAP)]
    assert folded.label == "extract"
    assert folded.start_time == singles[items[0]].start_time
    assert folded.end_time == singles[items[-1]].end_time
    going = told.task(_T.RUNNING, map_id=MAP, map_index=FOLDED_FROM)
    folded = told.nodes()[told.map_node(MAP)]
    assert folded.end_time is None
    assert folded.states == {_T.RUNNING: 1, _T.COMPLETED: FOLDED_FROM}
    told.take(make.task_state(going, told.run, _T.CRASHED, 2))
    ended = {node.id.bytes: node for node in told.graph(fold=None).nodes}[going].end_time
    assert told.nodes()[told.map_node(MAP)].end_time == ended is not None


def test_the_items_of_a_map_are_asked_for_by_its_name(told: Told) -> None:
    given = told.items(OTHER, FOLDED_FROM, _T.RUNNING)
    items = [told.task(map_id=MAP, map_index=index, inputs={"x": [source]}) for index, source in enumerate(given)]
    called = told.task(parent_task=items[3])
    inner = told.items(SMALL, FOLDED_FROM, parent_task=items[4])
    assert told.nodes().keys() == {told.map_node(MAP), told.map_node(OTHER)}
    nodes = told.nodes(map_id=MAP.hex())
    assert nodes.keys() == {*items, called, told.map_node(SMALL)}
    assert [nodes[item].map_index for item in items] == list(range(FOLDED_FROM))
    assert nodes[items[0]].parents == [UUID(bytes=told.map_node(OTHER))]
    assert nodes[called].encapsulating == UUID(bytes=items[3])
    assert nodes[told.map_node(SMALL)].encapsulating == UUID(bytes=items[4])
    assert told.nodes(map_id=SMALL.hex()).keys() == set(inner)


def test_since_a_moment_only_what_changed_is_shown(told: Told) -> None:
    first = told.task(_T.RUNNING)
    items = told.items(MAP, FOLDED_FROM, _T.RUNNING)
    told.items(OTHER, FOLDED_FROM, _T.RUNNING)
    told.nodes()
    with told.control.store.read() as transaction:
        since = datetime_of(max(row.changed for row in transaction.task_runs.of_run(told.run)))
    assert told.nodes(since=since) == {}
    told.take(make.task_state(items[2], told.run, _T.COMPLETED, 2))
    assert told.nodes(since=since).keys() == {told.map_node(MAP)}
    assert told.nodes(since=since, map_id=MAP.hex()).keys() == {items[2]}
    assert told.nodes(since=since, map_id=OTHER.hex()) == {}
    told.take(make.task_state(first, told.run, _T.COMPLETED, 2))
    assert told.nodes(since=since).keys() == {told.map_node(MAP), first}


def test_a_map_folds_when_it_has_grown(told: Told) -> None:
    items = told.items(MAP, FOLDED_FROM - 1, _T.RUNNING)
    after = told.task(inputs={"x": [items[0]]})
    assert told.nodes()[after].parents == [UUID(bytes=items[0])]
    told.task(map_id=MAP, map_index=FOLDED_FROM - 1)
    assert told.nodes().keys() == {told.map_node(MAP), after}
    assert told.nodes()[after].parents == [UUID(bytes=told.map_node(MAP))]


def test_a_picture_that_is_kept_is_as_one_that_is_made_anew(told: Told) -> None:
    dice = Random(5)
    tasks: list[tuple[bytes, int]] = []
    for turn in range(60):
        if tasks and dice.random() < 0.4:
            place = dice.randrange(len(tasks))
            task, n = tasks[place]
            told.take(make.task_state(task, told.run, dice.choice([_T.RUNNING, _T.COMPLETED, _T.FAILED]), n))
            tasks[place] = (task, n + 1)
        else:
            known = [task for task, _ in tasks]
            waited = dice.sample([*known, make.new_id()], min(2, len(known)))
            map_id = dice.choice([None, MAP, OTHER])
            caller = dice.choice([None, *known[:3]]) if map_id is None else None
            fields = {} if map_id is None else {"map_id": map_id, "map_index": turn}
            tasks.append((told.task(inputs={"x": waited}, parent_task=caller, **fields), 1))
        asked = [None, *(node.map_id for node in told.graph().nodes if node.kind == "map")]
        for map_id in asked if turn % 10 == 9 else [None]:
            with told.control.store.read() as transaction:
                row = flow_run_row(transaction, told.run)
                fresh = folded_graph(transaction, Picture(told.run), row, None, 1_000, None, map_id)
            assert told.graph(map_id=map_id).nodes == fresh.nodes


def test_what_cannot_be_asked_for_is_said(told: Told) -> None:
    told.items(MAP, FOLDED_FROM)
    with pytest.raises(ObjectNotFound, match=r"There is no map 'abcd' in flow run"):
        told.graph(map_id="abcd")
    with pytest.raises(ObjectNotFound, match=r"There is no map 'no name'"):
        told.graph(map_id="no name")
    with pytest.raises(RequestInvalid, match=r"A graph is folded by 'maps' or not at all"):
        told.graph(fold="flows")
    for cursor in ("nonsense", "12.xyz", "."):
        with pytest.raises(RequestInvalid, match=r"is no cursor of a graph"):
            told.graph(cursor=cursor)
    with pytest.raises(RequestInvalid, match=r"1 to 10000 nodes"):
        told.graph(limit=0)


def test_pictures_that_were_not_asked_for_make_room(told: Told) -> None:
    told.items(MAP, 6)
    other = Told(told.control)
    other.items(MAP, 6)
    pictures = Pictures(most_kept=10)
    for each in (told, other):
        with told.control.store.read() as transaction:
            pictures.of(each.run).refresh(transaction)
    kept = pictures.of(other.run)
    assert len(kept) == 6
    assert [picture.run for picture in pictures] == [other.run]
    assert len(pictures.of(told.run)) == 0
