"""The verbs of a home, sync and async, on runs that really ran."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

import levada.client
from levada import flow, get_run_logger, task
from levada.client import LevadaClient, SyncLevadaClient
from levada.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    TaskRunFilter,
)
from levada.client.schemas.sorting import FlowRunSort, LogSort
from levada.client.server_only import NEEDS_SERVER
from levada.core.errors import (
    FailedRun,
    MissingResult,
    ObjectAlreadyExists,
    ObjectNotFound,
    ObjectUnsupported,
    ServerRequired,
)
from levada.core.states import StateType
from levada.orchestration import get_client
from levada.testing import harness
from levada.wire.filters import FlowRunQuery


@pytest.fixture(autouse=True)
def home(levada_home: Path) -> Iterator[Path]:
    """A home and a session of this test's own."""
    with harness() as test:
        yield test.home


@pytest.fixture
def client() -> Iterator[SyncLevadaClient]:
    with get_client(sync_client=True) as opened:
        yield opened


class Point:
    """A value that only pickle can keep."""

    def __init__(self, x: int) -> None:
        self.x = x


@task
def double(x: int) -> int:
    get_run_logger().info("doubling %d", x)
    return 2 * x


@flow
def doubled(x: int) -> int:
    return double(x)


@flow
def point() -> Point:
    return Point(3)


@flow
def broken() -> None:
    raise ValueError("broken on purpose")


def test_a_run_is_seen_as_soon_as_it_ended_with_its_result(client: SyncLevadaClient) -> None:
    assert client.read_flow_runs() == []
    doubled(4)
    (run,) = client.read_flow_runs()
    assert run.flow_name == "doubled"
    assert run.state.is_completed()
    assert run.state.result() == 8
    assert client.read_flow_run(run.id).state.result() == 8
    assert client.read_flow_run(str(run.id)[:13]).id == run.id
    (call,) = client.read_task_runs(flow_run_ids=[run.id])
    assert call.state.result() == 8
    assert client.read_task_run(call.id).state.result() == 8
    assert client.count_flow_runs() == client.count_task_runs() == 1


def test_results_of_any_type_come_back(client: SyncLevadaClient) -> None:
    point()
    (run,) = client.read_flow_runs()
    assert run.state.result().x == 3


def test_a_failed_run_raises_its_exception_where_its_result_is_asked_for(client: SyncLevadaClient) -> None:
    with pytest.raises(ValueError, match="on purpose"):
        broken()
    (run,) = client.read_flow_runs()
    assert run.state.is_failed()
    with pytest.raises((ValueError, FailedRun), match="on purpose"):
        run.state.result()


def test_without_a_decoder_states_carry_no_results(home: Path) -> None:
    doubled(4)
    with levada.client.open(home) as client:
        (run,) = client.read_flow_runs()
        with pytest.raises(MissingResult):
            run.state.result()


def test_without_draining_nothing_new_is_seen(home: Path) -> None:
    doubled(4)
    with levada.client.open(home, drain=False) as client:
        assert client.read_flow_runs() == []
        client.drain()
        assert len(client.read_flow_runs()) == 1


def test_a_run_sees_itself_running(client: SyncLevadaClient) -> None:
    seen = []

    @flow
    def look() -> None:
        with get_client(sync_client=True) as inside:
            seen.append(inside.read_flow_runs()[0].state)

    look()
    assert seen[0].is_running()


def test_lists_are_asked_by_fields_by_queries_and_by_filters(client: SyncLevadaClient) -> None:
    doubled(1)
    with pytest.raises(ValueError, match="on purpose"):
        broken()
    failed = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=["FAILED"])))
    for found in (
        client.read_flow_runs(state_types=[StateType.FAILED]),
        client.read_flow_runs(state_types=["failed"]),
        client.read_flow_runs(FlowRunQuery(state_types=[StateType.FAILED])),
        client.read_flow_runs(flow_run_filter=failed),
        client.read_flow_runs(flow_run_filter={"state": {"type": {"any_": ["FAILED"]}}}),
        client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["broken"]))),
    ):
        assert [run.flow_name for run in found] == ["broken"]
    assert client.count_flow_runs(flow_run_filter=failed) == 1


def test_lists_are_sorted_and_cut(client: SyncLevadaClient) -> None:
    for number in range(5):
        doubled(number)
    oldest_first = client.read_flow_runs(sort=FlowRunSort.START_TIME_ASC)
    assert [run.state.result() for run in oldest_first] == [0, 2, 4, 6, 8]
    assert [run.state.result() for run in client.read_flow_runs(limit=2)] == [8, 6]
    assert [run.state.result() for run in client.read_flow_runs(limit=2, offset=1)] == [6, 4]
    assert client.read_flow_runs(offset=5) == []
    assert client.read_flow_runs(limit=0) == []
    by_name = [run.name for run in client.read_flow_runs(sort="NAME_ASC")]
    assert by_name == sorted(by_name)
    assert [run.name for run in client.read_flow_runs(sort="-name")] == by_name[::-1]


def test_lists_longer_than_a_page_are_read_to_their_limit(
    client: SyncLevadaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levada.client.verbs.DEFAULT_LIMIT", 3)

    @flow
    def many() -> None:
        for number in range(10):
            double(number)

    many()
    assert [call.state.result() for call in client.read_task_runs(limit=10)] == list(range(0, 20, 2))
    assert [call.state.result() for call in client.read_task_runs(limit=5, offset=4)] == [8, 10, 12, 14, 16]
    assert len(client.read_task_runs(limit=50)) == 10


def test_what_a_list_cannot_be_asked_for_is_an_error(client: SyncLevadaClient) -> None:
    with pytest.raises(TypeError, match="'colour'"):
        client.read_flow_runs(colour="red")
    with pytest.raises(ObjectUnsupported, match=r"flow_run_filter\.work_queue_name\.any_"):
        client.read_flow_runs(flow_run_filter={"work_queue_name": {"any_": []}})
    with pytest.raises(ObjectUnsupported, match="SHOE_SIZE"):
        client.read_flow_runs(sort="SHOE_SIZE")
    with pytest.raises(ObjectUnsupported, match="newest first"):
        client.read_artifacts(sort="CREATED_ASC")
    with pytest.raises(AttributeError, match="read_everything"):
        client.read_everything()


def test_logs_are_read_in_their_order(client: SyncLevadaClient) -> None:
    @flow
    def loud() -> None:
        for number in range(3):
            get_run_logger().warning("line %d", number)

    loud()
    (run,) = client.read_flow_runs()
    of_run = LogFilter(flow_run_id={"any_": [str(run.id)]}, level={"ge_": 30})
    assert [line.message for line in client.read_logs(log_filter=of_run)] == ["line 0", "line 1", "line 2"]
    newest = client.read_logs(log_filter=of_run, sort=LogSort.TIMESTAMP_DESC, limit=1)
    assert [line.message for line in newest] == ["line 2"]


def test_flows_are_read_by_name_and_id(client: SyncLevadaClient) -> None:
    doubled(1)
    point()
    assert [found.name for found in client.read_flows()] == ["doubled", "point"]
    assert [found.name for found in client.read_flows(limit=1, offset=1)] == ["point"]
    found = client.read_flow_by_name("point")
    assert client.read_flow(found.id).name == "point"
    assert client.read_flow_runs()[0].flow_id == found.id
    for missing in (lambda: client.read_flow(uuid4()), lambda: client.read_flow_by_name("nowhere")):
        with pytest.raises(ObjectNotFound):
            missing()


def test_the_history_of_a_run_is_read(client: SyncLevadaClient) -> None:
    doubled(1)
    (run,) = client.read_flow_runs()
    states = client.read_flow_run_states(run.id)
    assert [state.type for state in states][-2:] == [StateType.RUNNING, StateType.COMPLETED]
    (call,) = client.read_task_runs(task_run_filter=TaskRunFilter(flow_run_id={"any_": [run.id]}))
    assert client.read_task_run_states(call.id)[-1].is_completed()
    assert client.why(run.id).run == run.id


def test_a_deleted_run_is_gone(client: SyncLevadaClient) -> None:
    doubled(1)
    (run,) = client.read_flow_runs()
    client.delete_flow_run(run.id)
    assert client.read_flow_runs() == client.read_task_runs() == []
    with pytest.raises(ObjectNotFound):
        client.read_flow_run(run.id)
    with pytest.raises(ObjectNotFound):
        client.delete_flow_run(run.id)


def test_variables_are_made_read_changed_and_removed(client: SyncLevadaClient) -> None:
    made = client.create_variable("answer", 41, tags=["a"])
    with pytest.raises(ObjectAlreadyExists):
        client.create_variable("answer", 42)
    assert client.update_variable("answer", 42).created == made.created
    assert client.update_variable("answer", tags=["b"]).value == 42
    assert client.update_variable("answer", new_name="other").name == "other"
    client.set_variable("answer", None)
    with pytest.raises(ObjectAlreadyExists, match="'other' exists"):
        client.update_variable("answer", new_name="other")
    assert [found.name for found in client.read_variables()] == ["answer", "other"]
    assert [found.name for found in client.read_variables(1)] == ["answer"]
    assert [found.name for found in client.read_variables(cursor="answer")] == ["other"]
    assert client.count_variables() == 2
    assert client.delete_variable_by_name("other")
    assert not client.delete_variable_by_name("other")
    assert client.read_variable_by_name("other") is None
    with pytest.raises(ObjectNotFound):
        client.update_variable("other", 1)


def test_limits_are_made_read_changed_and_removed(client: SyncLevadaClient) -> None:
    client.create_global_concurrency_limit("db", 5, slot_decay_per_second=0.5)
    assert client.update_global_concurrency_limit("db", limit=4, active=False).slot_decay_per_second == 0.5
    client.upsert_global_concurrency_limit_by_name("api", 2)
    client.create_concurrency_limit("big", 3)
    assert client.create_concurrency_limit("big", 2).name == "tag:big"
    names = [found.name for found in client.read_global_concurrency_limits()]
    assert names == ["api", "db", "tag:big"]
    assert [found.name for found in client.read_global_concurrency_limits(limit=1, offset=1)] == ["db"]
    assert client.read_concurrency_limit_by_tag("big").limit == 2
    assert [found.name for found in client.read_concurrency_limits()] == ["tag:big"]
    assert client.reset_concurrency_limit_by_tag("big") == client.reset_global_concurrency_limit_by_name("db") == 0
    assert client.delete_concurrency_limit_by_tag("big")
    assert client.delete_global_concurrency_limit_by_name("db")
    with pytest.raises(ObjectNotFound):
        client.read_global_concurrency_limit_by_name("db")


def test_a_home_that_cannot_be_used_is_told_by_the_healthcheck(tmp_path: Path, client: SyncLevadaClient) -> None:
    assert client.api_healthcheck() is None
    assert client.api_version() in client.hello()
    (tmp_path / "file").write_text("no directory")
    with levada.client.open(tmp_path / "file" / "home") as broken_home:
        assert isinstance(broken_home.api_healthcheck(), Exception)


@pytest.mark.parametrize("verb", sorted(NEEDS_SERVER))
async def test_a_verb_that_needs_a_server_says_so(verb: str, client: SyncLevadaClient) -> None:
    with pytest.raises(ServerRequired, match=f"`{verb}` needs a Levada server.*LEVADA_API_URL"):
        getattr(client, verb)(uuid4(), limit=3)
    async with get_client() as asynchronous:
        with pytest.raises(ServerRequired, match=verb):
            await getattr(asynchronous, verb)(uuid4())


def test_async_code_has_every_verb_with_the_same_signature() -> None:
    verbs = {
        name: verb
        for name, verb in inspect.getmembers(SyncLevadaClient, inspect.isfunction)
        if not name.startswith("_")
    }
    for name, verb in verbs.items():
        twin = getattr(LevadaClient, name)
        assert inspect.iscoroutinefunction(twin), name
        assert inspect.signature(twin) == inspect.signature(verb), name
        assert twin.__doc__ == verb.__doc__
    assert not verbs.keys() & NEEDS_SERVER


async def test_async_verbs_do_the_same() -> None:
    doubled(4)
    async with get_client() as client:
        (run,) = await client.read_flow_runs(limit=1)
        assert await run.state.aresult() == 8
        assert isinstance(run.id, UUID)
        await client.set_variable("answer", 1)
        assert (await client.read_variable_by_name("answer")).value == 1
        assert await client.api_healthcheck() is None


async def test_many_async_verbs_at_once_share_one_client() -> None:
    import asyncio  # lazy: one test needs it

    doubled(4)
    async with get_client() as client:
        found = await asyncio.gather(*(client.read_flow_runs() for _ in range(20)))
    assert [len(runs) for runs in found] == [1] * 20
