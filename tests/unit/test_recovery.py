"""Resume and fork: what was recorded is used, what was not is executed."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from levada import flow, recovery, tags, task
from levada.core.errors import AmbiguousCallError, ConfigurationError, ObjectNotFound
from levada.flows import load_flow_from_entrypoint
from levada.testing import Harness
from levada.transactions import transaction


class World:
    """Programs that fail the first time, and what of them ran."""

    def __init__(self):
        self.ran = []
        self.broken = True

    def may_fail(self):
        if self.broken:
            raise ConnectionError("the world is broken")


world = World()


@pytest.fixture(autouse=True)
def new_world():
    world.__init__()


@task
def step(name, *inputs):
    world.ran.append(name)
    return (name, *inputs)


@task
def fragile(value):
    world.ran.append("fragile")
    world.may_fail()
    return "saved", value


@flow
def pipeline(start="a"):
    first = step(start)
    second = step.submit("b", first)
    third = step("c", second)
    saved = fragile(third)
    return step("d", saved)


RESULT = ("d", ("saved", ("c", ("b", ("a",)))))


def failed(home, definition=pipeline, *args):
    """The id of a run that failed."""
    definition(*args, return_state=True)
    run = home.flow_runs(top_level=True)[0]
    assert run.state_name == "Failed"
    world.broken = False
    world.ran.clear()
    return run.id


def test_a_resume_executes_what_did_not_complete(test_home: Harness):
    run = failed(test_home)
    resumed = recovery.resume(run, flow=pipeline)
    assert resumed.run == run
    assert resumed.state.result() == RESULT
    assert world.ran == ["fragile", "d"]
    assert (resumed.reused, resumed.unmatched, resumed.changed) == (3, [], [])
    after = test_home.flow_runs()[0]
    assert (after.id, after.epoch, after.state_name) == (run, 2, "Completed")
    assert len(test_home.task_runs()) == 5


def test_the_plan_says_beforehand_what_a_resume_does(test_home: Harness):
    run = failed(test_home)
    plan = recovery.plan_resume(run)
    assert (plan.flow_name, plan.epoch, plan.state) == ("pipeline", 2, "Failed")
    assert plan.reuse == ["step-0", "step-1", "step-2"]
    assert plan.execute == {"fragile-0": "it was Failed"}
    assert recovery.plan_resume(run, fork=True).epoch == 1
    assert world.ran == []


def test_a_run_is_found_by_its_name_or_the_beginning_of_its_id(test_home: Harness):
    run = failed(test_home)
    name = test_home.flow_runs()[0].name
    assert recovery.plan_resume(name).run == run
    assert recovery.plan_resume(str(run)).run == run
    assert recovery.plan_resume(run.bytes).run == run
    with pytest.raises(ObjectNotFound):
        recovery.plan_resume("no-such-run")


def test_parameters_are_those_of_the_run(test_home: Harness):
    run = failed(test_home, pipeline, "z")
    assert recovery.resume(run, flow=pipeline).state.result()[1][1][1][1] == ("z",)


def test_a_run_can_be_resumed_again_and_again(test_home: Harness):
    run = failed(test_home)
    world.broken = True
    for epoch in (2, 3):
        assert recovery.resume(run, flow=pipeline).state.is_failed()
        assert test_home.flow_runs()[0].epoch == epoch
    world.broken = False
    assert recovery.resume(run, flow=pipeline).state.is_completed()
    assert world.ran == ["fragile", "fragile", "fragile", "d"]


def test_a_completed_run_has_nothing_to_resume(test_home: Harness):
    world.broken = False
    pipeline()
    run = test_home.flow_runs()[0].id
    with pytest.raises(ConfigurationError, match="nothing to resume"):
        recovery.resume(run, flow=pipeline)


def test_from_a_task_it_and_what_depended_on_it_run_again(test_home: Harness):
    world.broken = False
    pipeline()
    run = test_home.flow_runs()[0].id
    world.ran.clear()
    resumed = recovery.resume(run, "step-1", flow=pipeline)
    assert resumed.state.result() == RESULT
    assert world.ran == ["b", "c", "fragile", "d"]
    world.ran.clear()
    recovery.resume(run, "fragile", flow=pipeline)
    assert world.ran == ["fragile", "d"]
    with pytest.raises(ObjectNotFound, match="It has: "):
        recovery.resume(run, "nothing", flow=pipeline)


def test_a_fork_is_a_new_run_that_reuses_the_rest(test_home: Harness):
    world.broken = False
    pipeline()
    original = test_home.flow_runs()[0]
    world.ran.clear()
    forked = recovery.fork(original.id, "fragile", flow=pipeline)
    assert forked.run != original.id
    assert forked.state.result() == RESULT
    assert world.ran == ["fragile", "d"]
    runs = {run.id: run for run in test_home.flow_runs()}
    assert runs[forked.run].forked_from == original.id
    assert runs[original.id].epoch == 1
    assert len(test_home.task_runs(flow_run_ids=[forked.run])) == 5
    assert len(test_home.task_runs(flow_run_ids=[original.id])) == 5


def test_a_fork_of_a_failed_run_executes_what_is_missing(test_home: Harness):
    run = failed(test_home)
    forked = recovery.fork(run, flow=pipeline)
    assert forked.state.result() == RESULT
    assert world.ran == ["fragile", "d"]


def test_changed_code_is_told_and_its_records_are_used(test_home: Harness):
    version = ["old"]

    @flow
    def changing():
        if version[0] == "old":

            @task
            def work(x):
                return x + 1

        else:

            @task
            def work(x):
                return x + 100

        found = work(1)
        world.may_fail()
        return found

    run = failed(test_home, changing)
    version[0] = "new"
    resumed = recovery.resume(run, flow=changing)
    assert resumed.state.result() == 2
    assert resumed.changed == ["work-0"]


def test_records_that_the_code_no_longer_asks_for_are_told(test_home: Harness):
    @flow
    def changing():
        if world.broken:
            step("old")
        found = step("both")
        world.may_fail()
        return found

    run = failed(test_home, changing)
    resumed = recovery.resume(run, flow=changing)
    assert resumed.unmatched == ["step-0"]
    assert resumed.state.result() == ("both",)
    assert world.ran == []


def test_calls_with_new_inputs_are_executed(test_home: Harness):
    inputs = ["first"]

    @flow
    def changing():
        found = step(inputs[0])
        world.may_fail()
        return found

    run = failed(test_home, changing)
    inputs[0] = "second"
    assert recovery.resume(run, flow=changing).state.result() == ("second",)
    assert world.ran == ["second"]


def test_identical_calls_keep_their_own_results(test_home: Harness):
    numbers = iter(range(100))

    @task
    def count(x):
        return next(numbers)

    @flow
    def counting():
        found = [count(1), count(1), count(2), *count.map([1, 1]).result()]
        world.may_fail()
        return found

    run = failed(test_home, counting)
    assert sorted(recovery.resume(run, flow=counting).state.result()) == [0, 1, 2, 3, 4]
    assert recovery.plan_resume(run, fork=True).reuse


def test_calls_that_cannot_be_told_apart_are_an_error_and_never_a_guess(test_home: Harness):
    @task
    def guarded(lock):
        world.ran.append("guarded")
        return len(world.ran)

    @flow
    def opaque():
        locks = [threading.Lock(), threading.Lock()]
        found = [guarded(lock) for lock in locks]
        world.may_fail()
        return found

    run = failed(test_home, opaque)
    state = recovery.resume(run, flow=opaque).state
    with pytest.raises(AmbiguousCallError, match=r"'guarded-0' and 'guarded-1'.*call_key"):
        state.result()


def test_calls_with_a_key_of_their_own_are_told_apart(test_home: Harness):
    @task(call_key="{name}")
    def guarded(name, lock):
        world.ran.append(name)
        return name

    @flow
    def opaque():
        found = [guarded(name, threading.Lock()) for name in ("a", "b")]
        world.may_fail()
        return found

    run = failed(test_home, opaque)
    assert recovery.resume(run, flow=opaque).state.result() == ["a", "b"]
    assert world.ran == []


def test_results_that_were_not_kept_are_made_again(test_home: Harness):
    @task
    def unkeepable():
        world.ran.append("lock")
        return threading.Lock()

    @task(persist_result=False)
    def unwanted():
        world.ran.append("unwanted")
        return 1

    @flow
    def program():
        unkeepable()
        unwanted()
        world.may_fail()

    run = failed(test_home, program)
    plan = recovery.plan_resume(run)
    assert plan.execute == {"unkeepable-0": "its result was not kept", "unwanted-0": "its result was not kept"}
    recovery.resume(run, flow=program)
    assert world.ran == ["lock", "unwanted"]


def test_large_results_are_reused(test_home: Harness):
    @task
    def large():
        world.ran.append("large")
        return bytes(3_000_000)

    @flow
    def program():
        found = large()
        world.may_fail()
        return len(found)

    run = failed(test_home, program)
    assert recovery.resume(run, flow=program).state.result() == 3_000_000
    assert world.ran == []


def test_subflows_are_resumed_where_they_stopped(test_home: Harness):
    @flow
    def done(x):
        return step("done", x)

    @flow
    def breaks(x):
        first = step("first", x)
        return fragile(first)

    @flow
    def parent():
        return done(1), breaks(2), done(1)

    run = failed(test_home, parent)
    children = {found.flow_name: found.id for found in test_home.flow_runs(top_level=False)}
    resumed = recovery.resume(run, flow=parent)
    assert resumed.state.result() == (("done", 1), ("saved", ("first", 2)), ("done", 1))
    assert world.ran == ["fragile", "done"]
    after = [found for found in test_home.flow_runs(top_level=False) if found.flow_name == "breaks"]
    assert [(found.id, found.epoch) for found in after] == [(children["breaks"], 2)]


def test_nested_tasks_are_reused_inside_their_task(test_home: Harness):
    @task
    def outer():
        found = step("inner 1"), step("inner 2")
        world.may_fail()
        return found

    @flow
    def program():
        return outer()

    run = failed(test_home, program)
    assert recovery.resume(run, flow=program).state.result() == (("inner 1",), ("inner 2",))
    assert world.ran == []


async def test_async_flows_are_resumed(test_home: Harness):
    @task
    async def later(x):
        await asyncio.sleep(0)
        world.ran.append(x)
        return x

    @flow
    async def program():
        found = await asyncio.gather(*[later(n) for n in range(4)])
        world.may_fail()
        return found

    await program(return_state=True)
    run = test_home.flow_runs()[0].id
    world.broken = False
    world.ran.clear()
    resumed = await asyncio.to_thread(recovery.resume, run, flow=program)
    assert resumed.state.result() == [0, 1, 2, 3]
    assert world.ran == []


def test_parameters_that_could_not_be_kept_are_told(test_home: Harness):
    @flow
    def program(lock):
        world.may_fail()

    run = failed(test_home, program, threading.Lock())
    with pytest.raises(ConfigurationError, match=r"parameters of run .* could not be kept"):
        recovery.resume(run, flow=program)


def test_a_flow_defined_inside_a_function_must_be_given(test_home: Harness):
    @flow
    def program():
        world.may_fail()

    run = failed(test_home, program)
    with pytest.raises(ConfigurationError, match="not known where the flow"):
        recovery.resume(run)


def test_the_flow_is_loaded_from_its_file(test_home: Harness, tmp_path: Path):
    marker = tmp_path / "ok"
    file = tmp_path / "program.py"
    file.write_text(
        "from pathlib import Path\nfrom levada import flow, task\n"
        "@task\ndef one(x):\n    return x\n"
        f"@flow\ndef program():\n    found = one(1)\n    assert Path({str(marker)!r}).exists()\n    return found\n"
    )
    load_flow_from_entrypoint(f"{file}:program")(return_state=True)
    marker.write_text("")
    resumed = recovery.resume(test_home.flow_runs()[0].id)
    assert resumed.state.result() == 1
    assert resumed.reused == 1


def test_a_rolled_back_task_is_executed_again(test_home: Harness):
    @task
    def write():
        world.ran.append("write")
        return 1

    @write.on_rollback
    def undo(txn):
        world.ran.append("undo")

    @flow
    def program():
        with transaction():
            found = write()
            world.may_fail()
        return found

    run = failed(test_home, program)
    assert recovery.resume(run, flow=program).state.result() == 1
    assert world.ran == ["write"]


def test_cached_calls_and_maps_are_reused(test_home: Harness):
    @flow
    def program():
        found = step.map(["a", "b", "c"]).result()
        later = [f.result() for f in step.map(range(20), max_in_flight=3)]
        world.may_fail()
        return len(found), len(later)

    run = failed(test_home, program)
    resumed = recovery.resume(run, flow=program)
    assert resumed.state.result() == (3, 20)
    assert world.ran == []
    assert resumed.reused == 23


def test_the_run_keeps_its_name_and_tags(test_home: Harness):
    with tags("blue"):
        run = failed(test_home)
    before = test_home.flow_runs()[0]
    recovery.resume(run, flow=pipeline)
    after = test_home.flow_runs()[0]
    assert (after.name, after.tags) == (before.name, ["blue"])
