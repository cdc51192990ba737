"""Every verb of a control plane, in this process and over HTTP: the same answers, and the same errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from levada.control import ControlPlane
from levada.control.services.outbox import Outbox
from levada.core.errors import LevadaError
from levada.core.ids import as_uuid
from levada.core.limits import Asker, Grant, Verdict
from levada.core.settings import Settings
from levada.core.states import StateType
from levada.journal.format import encode
from levada.wire import verbs
from levada.wire.changes import BulkAction, FlowRunChange, NewFlowRun, ProposedState, RunInput, SavedSearch
from levada.wire.events import Event, EventQuery
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.ingest import IngestBatch
from levada.wire.reruns import RerunChoice
from levada.wire.verbs import Plane
from tests.contract.planes import Pair, pair
from tests.postgres import database
from tests.unit.control import records as make
from tests.unit.server.api.conftest import Story, tell_story

NOWHERE = UUID(int=0x018F_0000_0000_7000_8000_0000_0000_0001)
LONG_AGO = datetime(2025, 10, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def planes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("planes")
    if request.param == "sqlite":
        with pair(home, None) as made:
            yield made
        return
    with database(request.getfixturevalue("postgres_server_url")) as url, pair(home, url) as made:
        yield made


@pytest.fixture(scope="module")
def story(planes: Pair) -> Story:
    """What the reading verbs are asked about; nobody changes it."""
    told = tell_story(planes.here)
    planes.here.emit_events([event("shop.order.Placed"), event("shop.order.Paid")])
    dispatch(planes.here)
    planes.here.variables.set("kept", {"a": [1, None, "x"]}, ["t"])
    planes.here.limits.create("kept", 3, decay=0.5)
    planes.here.write_search(SavedSearch(name="kept", page="logs", query={"min_level": 30}))
    return told


def event(name: str) -> Event:
    return Event(id=UUID(bytes=make.new_id()), occurred=datetime.now(UTC), event=name, resource={"id": "shop.order.1"})


def dispatch(plane: ControlPlane) -> None:
    outbox = Outbox.configured(plane, Settings())
    while outbox.turn() == 0:
        pass


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or which error it raises and what that says."""
    try:
        return call()
    except LevadaError as error:
        return type(error), str(error)


Verb = Callable[[Plane, Story], Any]


def all_pages(read: Callable[[Any], Any], query: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page = read(structs.replace(query, limit=2, cursor=cursor))
        assert len(page.items) <= 2
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


ALL = FlowRunQuery()
READS: dict[str, list[Verb]] = {
    "read_flow_run": [
        lambda plane, story: plane.read_flow_run(story.done),
        lambda plane, story: plane.read_flow_run(story.done.bytes),
        lambda plane, story: plane.read_flow_run(str(story.failed)),
        lambda plane, _: plane.read_flow_run(NOWHERE),
        lambda plane, _: plane.read_flow_run("no/such run?"),
        lambda plane, story: plane.read_flow_run(str(story.done)[:8]),
    ],
    "read_flow_runs": [
        lambda plane, _: all_pages(plane.read_flow_runs, ALL),
        lambda plane, _: plane.read_flow_runs(FlowRunQuery(tags_all=["daily"], sort="-started")),
        lambda plane, _: plane.read_flow_runs(FlowRunQuery(labels={"team": "data"}, state_types=[StateType.COMPLETED])),
        lambda plane, _: plane.read_flow_runs(FlowRunQuery(error_like="task failed", created_after=LONG_AGO)),
        lambda plane, _: plane.read_flow_runs(FlowRunQuery(sort="colour")),
        lambda plane, _: plane.read_flow_runs(FlowRunQuery(cursor="nonsense")),
    ],
    "count_flow_runs": [lambda plane, _: plane.count_flow_runs(FlowRunQuery(flow_names=["etl"]))],
    "count_flow_runs_up_to": [lambda plane, _: plane.count_flow_runs_up_to(ALL, 2)],
    "flow_run_state_counts": [lambda plane, _: plane.flow_run_state_counts(ALL)],
    "flow_run_history": [
        lambda plane, story: plane.flow_run_history(
            FlowRunQuery(ids=[story.done, story.failed]), LONG_AGO, LONG_AGO + timedelta(days=20), 4
        ),
        lambda plane, _: plane.flow_run_history(ALL, LONG_AGO, LONG_AGO - timedelta(days=20)),
    ],
    "flow_run_lateness": [lambda plane, _: plane.flow_run_lateness(FlowRunQuery(flow_names=["etl"]))],
    "await_flow_runs": [
        lambda plane, story: plane.await_flow_runs([story.done, story.failed, NOWHERE]),
        lambda plane, _: plane.await_flow_runs([]),
    ],
    "flow_run_graph": [
        lambda plane, story: graph_of(plane.flow_run_graph(story.done)),
        lambda plane, story: graph_of(plane.flow_run_graph(story.done, limit=1)),
        lambda plane, story: graph_of(plane.flow_run_graph(story.done, limit=1, fold="maps")),
        lambda plane, story: graph_of(plane.flow_run_graph(story.done, LONG_AGO, fold="maps")),
        lambda plane, story: plane.flow_run_graph(story.done, fold="flows"),
        lambda plane, story: plane.flow_run_graph(story.done, map_id="00" * 16),
        lambda plane, _: plane.flow_run_graph(NOWHERE),
    ],
    "flow_run_states": [lambda plane, story: plane.flow_run_states(story.done)],
    "task_run_states": [
        lambda plane, story: plane.task_run_states(story.broken),
        lambda plane, _: plane.task_run_states(NOWHERE),
    ],
    "read_task_run": [
        lambda plane, story: plane.read_task_run(story.transform),
        lambda plane, _: plane.read_task_run(NOWHERE),
    ],
    "read_task_runs": [
        lambda plane, story: all_pages(plane.read_task_runs, TaskRunQuery(flow_run_ids=[story.done])),
        lambda plane, _: plane.read_task_runs(TaskRunQuery(error_like="no such file", newest_first=True)),
    ],
    "count_task_runs": [lambda plane, story: plane.count_task_runs(TaskRunQuery(flow_run_ids=[story.done]))],
    "count_task_runs_up_to": [lambda plane, _: plane.count_task_runs_up_to(TaskRunQuery(), 1)],
    "task_run_state_counts": [
        lambda plane, story: plane.task_run_state_counts(story.done),
        lambda plane, _: plane.task_run_state_counts(NOWHERE),
    ],
    "plan_rerun": [
        lambda plane, story: plane.plan_rerun(story.failed, RerunChoice()),
        lambda plane, story: plane.plan_rerun(story.done, RerunChoice(fork=True, limit=1)),
        lambda plane, story: plane.plan_rerun(story.done, RerunChoice(["no such task"], fork=True)),
        lambda plane, story: plane.plan_rerun(story.done, RerunChoice(["a"])),
        lambda plane, _: plane.plan_rerun(NOWHERE, RerunChoice(latest=True)),
    ],
    "recorded_calls": [
        lambda plane, story: plane.recorded_calls(story.done),
        lambda plane, _: plane.recorded_calls(NOWHERE),
    ],
    "why": [
        lambda plane, story: plane.why(story.failed),
        lambda plane, story: plane.why(story.broken),
        lambda plane, _: plane.why(NOWHERE),
    ],
    "read_inputs": [lambda plane, _: plane.read_inputs(NOWHERE)],
    "read_input": [lambda plane, story: plane.read_input(story.done, "nothing/here")],
    "read_bulk": [lambda plane, _: plane.read_bulk(NOWHERE)],
    "read_flows": [
        lambda plane, _: plane.read_flows(limit=1),
        lambda plane, _: plane.read_flows(name_like="rep"),
    ],
    "read_flow": [
        lambda plane, _: plane.read_flow("etl"),
        lambda plane, _: plane.read_flow("no/such ~flow"),
        lambda plane, _: plane.read_flow("count"),
    ],
    "read_logs": [
        lambda plane, _: all_pages(plane.read_logs, LogQuery()),
        lambda plane, _: plane.read_logs(LogQuery(text="quick -lazy", newest_first=True)),
        lambda plane, story: plane.read_logs(LogQuery(task_run_ids=[story.extract], min_level=30)),
    ],
    "read_artifacts": [lambda plane, _: plane.read_artifacts(ArtifactQuery(keys=["report"], latest_of_key=True))],
    "read_artifact": [
        lambda plane, _: plane.read_artifact("report"),
        lambda plane, story: plane.read_artifact(story.report),
        lambda plane, _: plane.read_artifact("nothing"),
    ],
    "read_events": [
        lambda plane, _: all_pages(plane.read_events, EventQuery(resource_ids=["shop.order.1"])),
        lambda plane, _: plane.read_events(EventQuery(event_prefixes=["shop."], oldest_first=True)),
    ],
    "count_events": [
        lambda plane, _: plane.count_events(EventQuery(event_prefixes=["shop."]), "event"),
        lambda plane, _: plane.count_events(EventQuery(event_prefixes=["shop."]), "resource"),
    ],
    "events_after": [
        lambda plane, _: list(plane.events_after(0, EventQuery(event_prefixes=["shop.order.P"]), 0.3)),
        lambda plane, _: list(plane.events_after(0, EventQuery(resource_ids=["nothing"]), 0.2)),
    ],
    "table_sizes": [lambda plane, _: sorted(size.name for size in plane.table_sizes())],
    "read_searches": [
        lambda plane, _: plane.read_searches(),
        lambda plane, _: plane.read_searches("flow_runs"),
    ],
    "read_api_keys": [lambda plane, _: plane.read_api_keys()],
    "variables.get": [
        lambda plane, _: plane.variables.get("kept"),
        lambda plane, _: plane.variables.get("missing"),
        lambda plane, _: plane.variables.get("Not Possible/"),
    ],
    "variables.page": [lambda plane, _: plane.variables.page(1)],
    "variables.count": [lambda plane, _: plane.variables.count()],
    "limits.read": [lambda plane, _: plane.limits.read("kept"), lambda plane, _: plane.limits.read("missing")],
    "limits.read_all": [lambda plane, _: list(plane.limits.read_all())],
    "limits.known": [lambda plane, _: plane.limits.known(["kept", "missing"])],
    "limits.look": [
        lambda plane, _: plane.limits.look(["kept"], 2),
        lambda plane, _: plane.limits.look(["kept"], 4),
    ],
    "limits.waits_of": [lambda plane, _: dict(plane.limits.waits_of(NOWHERE.bytes))],
}
"""Verbs that change nothing."""


def graph_of(graph: Any) -> Any:
    """A graph without the moment at which it was asked for, which its cursor holds as well."""
    return structs.replace(graph, changed=LONG_AGO, next=graph.next and graph.next.partition(".")[2])


# Verbs that change something are tried with a run, a name of their own for each plane; what they give is compared
# without ids and moments.


def made(plane: Plane, **fields: Any) -> Any:
    return plane.create_flow_run(NewFlowRun(flow_name="made", name="made-run", **fields), created_by="")


def told(run: Any) -> Any:
    return run.name, run.flow_name, run.state_name, run.state_type, run.tags, run.labels, run.parameters


def cancelled_twice(plane: Plane, _: Story) -> Any:
    run = made(plane)
    return plane.cancel_flow_run(run.id), plane.cancel_flow_run(run.id), plane.read_flow_run(run.id).state_name


def made_once(plane: Plane, _: Story) -> Any:
    key = make.new_id().hex()
    first = made(plane, parameters={"n": 1}, tags=["x"], labels={"l": "1"}, idempotency_key=key)
    assert made(plane, idempotency_key=key).id == first.id
    again = outcome(lambda: made(plane, id=first.id))
    return told(first), again[0], again[1].replace(str(first.id), "ID")


def input_of(plane: Plane, _: Story) -> Any:
    run = made(plane).id
    given = plane.write_input(run, RunInput("a/b ~ c", {"x": [1]}))
    read = plane.read_input(run, "a/b ~ c")
    listed = plane.read_inputs(run, "a/")
    return (
        given.value,
        read.value,
        [one.key for one in listed],
        plane.delete_input(run, "a/b ~ c"),
        plane.delete_input(run, "a/b ~ c"),
    )


def variable_life(plane: Plane, _: Story) -> Any:
    def shown(view: Any) -> Any:
        return None if view is None else (view.name, view.value, view.tags)

    variables = plane.variables
    return [
        shown(variables.set("mine", [1, {"a": None}], ["t"])),
        outcome(lambda: variables.set("mine", 2)),
        shown(variables.set("mine", 2, overwrite=True)),
        outcome(lambda: variables.set("NOT A NAME", 2)),
        outcome(lambda: variables.set("large", "x" * 6000)),
        shown(variables.change("mine", value=None)),
        shown(variables.change("mine", new_name="mine_now", tags=["u"])),
        outcome(lambda: variables.change("mine", value=1)),
        variables.unset("mine"),
        variables.unset("mine_now"),
    ]


def limit_life(plane: Plane, _: Story) -> Any:
    def shown(view: Any) -> Any:
        return view.name, view.limit, view.active, view.slot_decay_per_second, view.active_slots

    limits, asker = plane.limits, Asker(owner="me")
    lease, other, urgent = make.new_id(), make.new_id(), Asker(owner="you", priority=7)
    seen: list[Any] = [
        shown(limits.create("mine", 2)),
        outcome(lambda: limits.create("mine", 2)),
        shown(limits.upsert("mine", 3, active=True)),
        shown(limits.change("mine", slots=1)),
        outcome(lambda: limits.change("missing", slots=1)),
    ]
    grant = limits.acquire(["mine"], 1, asker, lease=lease, lease_seconds=60)
    assert isinstance(grant, Grant)
    refused = limits.acquire(["mine"], 1, urgent, lease=other, lease_seconds=60)
    assert isinstance(refused, Verdict)
    seen += [
        grant.names,
        grant.slots,
        refused.full,
        refused.granted,
        limits.renew(grant, asker, lease_seconds=60),
        shown(limits.read("mine")),
        [(waiter.slots, waiter.priority) for waiter in limits.read("mine").waiters],
        limits.reset("mine"),
        limits.release(lease),
        limits.release(other),
        outcome(lambda: limits.acquire(["missing"], 1, asker, lease=make.new_id())),
        outcome(lambda: limits.acquire(["mine"], 9, asker, lease=make.new_id())),
        outcome(lambda: limits.pour(["mine"], 1)),
        outcome(lambda: limits.reset("missing")),
        shown(limits.change("mine", decay=10.0)),
        outcome(lambda: isinstance(limits.pour(["mine"], 1), Grant)),
        limits.delete("mine"),
        limits.delete("mine"),
    ]
    return seen


def search_life(plane: Plane, _: Story) -> Any:
    search = plane.write_search(SavedSearch(name="mine", page="runs", query={"a": 1}))
    assert search.id is not None
    again = plane.write_search(SavedSearch(name="mine", page="runs", query={"b": 2}))
    assert again.id == search.id
    return again.query, plane.delete_search(search.id), plane.delete_search(search.id)


def key_life(plane: Plane, _: Story) -> Any:
    key, text = plane.create_api_key("mine", ["read"], None)
    return (
        (key.name, key.scopes, text.startswith(key.prefix)),
        outcome(lambda: plane.create_api_key("other", ["colour"])),
        plane.revoke_api_key(key.id),
        plane.revoke_api_key(NOWHERE),
    )


def batch_taken_in(plane: Plane, _: Story) -> Any:
    writer, run = make.new_id(), make.new_id()
    opened = [make.run_opened(run, writer, name="reported"), make.run_state(run, StateType.RUNNING, 2)]
    batch = IngestBatch(writer, [(place, encode(record)) for place, record in enumerate(opened, 1)], running=[(run, 1)])
    first, second = plane.take_in(batch), plane.take_in(batch)
    decided = plane.cancel_flow_run(run)
    orders = [command.kind for command in plane.take_in(IngestBatch(writer, running=[(run, 1)])).commands]
    return first.received, second.received, decided, orders, outcome(lambda: plane.take_in(IngestBatch(b"short")))


def artifact_removed(plane: Plane, story: Story) -> Any:
    written = make.artifact(story.done.bytes, "gone")
    writer = make.new_id()
    plane.take_in(IngestBatch(writer, [(1, encode(written))]))
    name = as_uuid(written.artifact)
    gone = plane.delete_artifact(name)
    return gone, outcome(lambda: plane.delete_artifact(name))[0]


def wished(plane: Plane, story: Story) -> Any:
    run = made(plane).id
    decisions = [
        plane.set_flow_run_state(run, ProposedState(type=StateType.PENDING, transition_id="w1")),
        plane.set_flow_run_state(run, ProposedState(type=StateType.PENDING, transition_id="w1")),
        plane.set_flow_run_state(run, ProposedState(type=StateType.FAILED, message="by hand", force=True)),
    ]
    return decisions, outcome(lambda: plane.set_flow_run_state(NOWHERE, ProposedState(type=StateType.FAILED)))


def deleted(plane: Plane, story: Story) -> Any:
    run = made(plane).id
    early = outcome(lambda: plane.delete_flow_run(run))
    plane.cancel_flow_run(run)
    return (
        early if isinstance(early, dict) else early[0],
        outcome(lambda: plane.delete_flow_run(run)),
        outcome(lambda: plane.delete_flow_run(NOWHERE)),
    )


def job(plane: Plane, _: Story) -> Any:
    run = made(plane)
    query = FlowRunQuery(ids=[run.id])
    seen = plane.start_bulk(BulkAction(action="cancel", query=query, preview=True))
    started = plane.start_bulk(BulkAction(action="cancel", query=query))
    return (
        (seen.state, seen.total, seen.action),
        (started.state, started.total),
        plane.read_bulk(started.id).action,
        plane.cancel_bulk(started.id).state,
        outcome(lambda: plane.cancel_bulk(NOWHERE)),
        outcome(lambda: plane.start_bulk(BulkAction(action="colour", query=query))),
    )


def changed(plane: Plane, _: Story) -> Any:
    run = made(plane, tags=["a"], labels={"x": "1"}).id
    return told(plane.change_flow_run(run, FlowRunChange(name="new-name", tags=["b"], labels={"y": "2"})))


def added(plane: Plane, _: Story) -> Any:
    given = [event("other.One"), event("other.Two")]
    return plane.emit_events(given), plane.emit_events(given)


CHANGES: dict[str, Verb] = {
    "create_flow_run": made_once,
    "change_flow_run": changed,
    "delete_flow_run": deleted,
    "set_flow_run_state": wished,
    "set_task_run_state": lambda plane, story: outcome(
        lambda: plane.set_task_run_state(NOWHERE, ProposedState(type=StateType.FAILED))
    ),
    "cancel_flow_run": cancelled_twice,
    "suspend_flow_run": lambda plane, _: outcome(lambda: plane.suspend_flow_run(made(plane).id)),
    "resume_flow_run": lambda plane, _: outcome(lambda: plane.resume_flow_run(made(plane).id, {"x": 1})),
    "retry_flow_run": lambda plane, _: outcome(lambda: plane.retry_flow_run(NOWHERE)),
    "fork_flow_run": lambda plane, story: told(plane.fork_flow_run(story.failed, []))[1:],
    "write_input": input_of,
    "delete_input": input_of,
    "start_bulk": job,
    "cancel_bulk": job,
    "delete_artifact": artifact_removed,
    "emit_events": added,
    "write_search": search_life,
    "delete_search": search_life,
    "create_api_key": key_life,
    "revoke_api_key": key_life,
    "take_in": batch_taken_in,
    **{f"variables.{verb}": variable_life for verb in ("set", "change", "unset")},
    **{
        f"limits.{verb}": limit_life
        for verb in ("create", "upsert", "change", "delete", "reset", "acquire", "pour", "renew", "release")
    },
}
"""Verbs that change something; several are tried together where one is nothing without the other."""


@pytest.mark.parametrize(
    ("verb", "number"), [(verb, number) for verb, tried in READS.items() for number in range(len(tried))]
)
def test_a_reading_verb_answers_the_same_over_http(planes: Pair, story: Story, verb: str, number: int) -> None:
    ask = READS[verb][number]
    here, there = [outcome(lambda plane=plane: ask(plane, story)) for plane in planes.each()]  # type: ignore[misc]
    assert there == here


@pytest.mark.parametrize("tried", list(dict.fromkeys(CHANGES.values())), ids=lambda tried: tried.__name__)
def test_a_changing_verb_does_the_same_over_http(planes: Pair, story: Story, tried: Verb) -> None:
    here, there = [tried(plane, story) for plane in planes.each()]
    assert there == here


def test_every_verb_is_tried() -> None:
    groups = {"": (verbs.Runs, verbs.Records, verbs.Administration, verbs.Plane)}
    prefixed = {"variables.": verbs.VariableVerbs, "limits.": verbs.LimitVerbs}
    there_are = {
        prefix + name
        for prefix, kinds in [*groups.items(), *((prefix, (kind,)) for prefix, kind in prefixed.items())]
        for kind in kinds
        for name in vars(kind)
        if not name.startswith("_") and name not in {"variables", "limits", "close", "drain", "place"}
    }
    assert there_are - READS.keys() - CHANGES.keys() == set()
