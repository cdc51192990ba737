"""When a task is answered from the cache."""

from __future__ import annotations

import datetime
import threading

import pytest

from levada import flow, task
from levada.cache_policies import DEFAULT, FLOW_PARAMETERS, INPUTS, NO_CACHE, RUN_ID, TASK_SOURCE, CachePolicy
from levada.filesystems import LocalFileSystem
from levada.locking import MemoryLockManager
from levada.tasks import task_input_hash
from levada.testing import Harness, harness
from levada.transactions import IsolationLevel


def counted(**options):
    """A task that notes its calls."""

    @task(name="work", **options)
    def work(x=1, y=0):
        work.calls.append(x)
        return [x, y]

    work.calls = []
    return work


def names(home):
    return [run.state_name for run in home.task_runs()]


@pytest.mark.parametrize(
    ("options", "in_one_run", "in_two_runs"),
    [
        ({}, 2, 4),
        ({"persist_result": True}, 1, 2),
        ({"cache_policy": DEFAULT}, 1, 2),
        ({"cache_policy": INPUTS}, 1, 1),
        ({"cache_policy": INPUTS + TASK_SOURCE}, 1, 1),
        ({"cache_policy": INPUTS + RUN_ID}, 1, 2),
        ({"cache_policy": INPUTS - "y"}, 1, 1),
        ({"cache_policy": NO_CACHE}, 2, 4),
        ({"cache_policy": None, "persist_result": True}, 2, 4),
        ({"cache_key_fn": task_input_hash}, 1, 1),
        ({"cache_key_fn": lambda context, parameters: "key"}, 1, 1),
        ({"cache_key_fn": lambda context, parameters: None}, 2, 4),
        ({"cache_policy": INPUTS, "refresh_cache": True}, 2, 4),
        ({"cache_policy": INPUTS, "cache_expiration": datetime.timedelta(hours=1)}, 1, 1),
        ({"cache_policy": INPUTS, "cache_expiration": datetime.timedelta(seconds=-1)}, 2, 4),
        ({"result_storage_key": "key-{parameters[x]}"}, 1, 1),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_how_often_a_task_runs(options, in_one_run, in_two_runs, test_home: Harness):
    work = counted(**options)

    @flow
    def run():
        return work(5), work(5)

    assert run() == ([5, 0], [5, 0])
    assert len(work.calls) == in_one_run
    assert run() == ([5, 0], [5, 0])
    assert len(work.calls) == in_two_runs
    assert names(test_home).count("Cached") == 4 - in_two_runs


def test_other_inputs_are_other_calls(test_home: Harness):
    work = counted(cache_policy=INPUTS)
    assert flow(lambda: [work(1), work(2), work(1, 5), work(1.0), work(x=1, y=0)])() == [
        [1, 0], [2, 0], [1, 5], [1.0, 0], [1, 0],
    ]  # fmt: skip
    assert len(work.calls) == 4


def test_submitted_and_mapped_and_nested_calls_use_the_cache(test_home: Harness):
    work = counted(cache_policy=INPUTS)

    @task
    def outer():
        return work(1)

    @flow
    def run():
        work(1)
        return work.submit(1).result(), *work.map([1, 1]).result(), outer()

    assert run() == ([1, 0],) * 4
    assert len(work.calls) == 1


async def test_async_tasks_are_cached(test_home: Harness):
    calls = []

    @task(cache_policy=INPUTS)
    async def work(x):
        calls.append(x)
        return x

    @flow
    async def run():
        return await work(1), await work(1), (await work(1, return_state=True)).name

    assert await run() == (1, 1, "Cached")
    assert calls == [1]


def test_a_task_outside_flows_is_cached(test_home: Harness):
    work = counted(cache_policy=INPUTS)
    assert (work(1), work(1)) == ([1, 0], [1, 0])
    assert len(work.calls) == 1


def test_a_failure_is_not_cached(test_home: Harness):
    calls = []

    @task(cache_policy=INPUTS)
    def work():
        calls.append(1)
        if len(calls) == 1:
            raise ValueError
        return "ok"

    assert work(return_state=True).is_failed()
    assert work() == "ok"


def test_a_key_expires_with_the_clock(test_home: Harness):
    work = counted(cache_policy=INPUTS, cache_expiration=datetime.timedelta(minutes=5))
    work(1)
    test_home.clock.advance(299)
    work(1)
    assert len(work.calls) == 1
    test_home.clock.advance(2)
    work(1)
    assert len(work.calls) == 2


def test_a_refresh_replaces_what_was_kept(test_home: Harness):
    values = iter("abc")

    @task(cache_policy=INPUTS)
    def work(x):
        return next(values)

    assert [work(1), work(1), work.with_options(refresh_cache=True)(1), work(1)] == ["a", "a", "b", "b"]


def test_a_key_function_is_given_the_context_and_the_parameters(test_home: Harness):
    given = []

    def key(context, parameters):
        given.append((context.task.name, context.task_run.name, parameters))
        return "k"

    @task(cache_key_fn=key)
    def work(x, *rest, **more):
        return 1

    flow(lambda: work(1, 2, q=3))()
    assert given[0] == ("work", "work-0", {"x": 1, "rest": (2,), "more": {"q": 3}})


def test_a_key_function_that_raises_switches_the_cache_off(test_home: Harness):
    def key(context, parameters):
        raise ValueError("no key")

    work = counted(cache_key_fn=key)
    assert flow(lambda: [work(1), work(1)])() == [[1, 0], [1, 0]]
    assert len(work.calls) == 2
    assert any("no key" in line.message for line in test_home.logs())


def test_inputs_that_cannot_be_hashed_switch_the_cache_off(test_home: Harness):
    calls = []

    @task(cache_policy=INPUTS)
    def work(lock):
        calls.append(lock)

    lock = threading.Lock()
    flow(lambda: [work(lock), work(lock)])()
    assert len(calls) == 2


def test_parameters_of_the_flow_can_be_the_key(test_home: Harness):
    work = counted(cache_policy=FLOW_PARAMETERS)

    @flow
    def run(a):
        return work(a)

    assert [run(1), run(1), run(2)] == [[1, 0], [1, 0], [2, 0]]
    assert len(work.calls) == 2


def test_an_own_policy(test_home: Harness):
    class ByX(CachePolicy):
        def compute_key(self, task_ctx, inputs, flow_parameters, **kwargs):
            return f"x{inputs['x']}"

    work = counted(cache_policy=ByX())
    assert flow(lambda: [work(1, 1), work(1, 2)])() == [[1, 1], [1, 1]]
    work = counted(cache_policy=ByX() + INPUTS)
    assert flow(lambda: [work(1, 1), work(1, 2)])() == [[1, 1], [1, 2]]


def test_a_result_that_cannot_be_kept_fails_the_attempt_and_names_the_culprit(test_home: Harness):
    """Quirk 6: nothing is announced as Completed before its result is durable."""

    @task(persist_result=True)
    def work():
        return {"rows": [1, {"lock": threading.Lock()}]}

    state = work(return_state=True)
    assert state.is_failed()
    assert "lock" in state.message
    assert "Completed" not in test_home.states_of("work")


def test_the_key_is_said_on_the_state(test_home: Harness):
    work = counted(cache_key_fn=lambda context, parameters: "the-key")
    assert work(1, return_state=True).state_details.cache_key == "the-key"
    assert work(1, return_state=True).state_details.cache_key == "the-key"


def test_results_go_where_the_author_says(test_home: Harness, tmp_path):
    storage = LocalFileSystem(basepath=str(tmp_path))
    work = counted(result_storage=storage, result_storage_key="{flow_run.flow_name}/{parameters[x]}.json",
                   result_serializer="json")  # fmt: skip

    @flow(name="my-flow")
    def run():
        return work(7)

    assert run() == [7, 0]
    assert (tmp_path / "my-flow" / "7.json").exists()


def test_a_flow_decides_for_its_tasks(test_home: Harness):
    work = counted()

    @flow(persist_result=True)
    def run():
        work(1)
        return work(1)

    run()
    assert len(work.calls) == 1
    off = counted(persist_result=False)
    flow(persist_result=True)(lambda: [off(1), off(1)])()
    assert len(off.calls) == 2


def test_asking_for_a_cache_without_persistence_warns():
    with pytest.warns(UserWarning, match="nothing will be cached"):
        task(cache_policy=INPUTS, persist_result=False)(lambda: 1)


def test_serializable_calls_run_one_at_a_time(test_home: Harness):
    policy = INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=MemoryLockManager())
    running, most = [], []

    @task(cache_policy=policy)
    def work(x):
        running.append(1)
        most.append(len(running))
        running.pop()
        return x

    @flow
    def run():
        return work.map([1] * 8).result()

    assert run() == [1] * 8
    assert len(most) == 1


def test_the_cache_can_be_switched_off_by_a_setting():
    work = counted(cache_policy=INPUTS)
    with harness(settings={"tasks.disable_caching": True}):
        flow(lambda: [work(1), work(1)])()
    assert len(work.calls) == 2


def test_completion_hooks_hear_of_cached_runs(test_home: Harness):
    heard = []
    work = counted(cache_policy=INPUTS, on_completion=[lambda t, r, s: heard.append(s.name)])
    work(1), work(1)
    assert heard == ["Completed", "Cached"]
