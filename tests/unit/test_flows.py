"""What a flow is, and what calling one does."""

from __future__ import annotations

import asyncio
import functools
import threading

import cloudpickle
import pytest

from levada import Flow, flow, task
from levada.core.errors import DefinitionError, InvalidNameError, ReservedArgumentError
from levada.core.states import StateType
from levada.engine.context import flow_var
from levada.task_runners import ThreadPoolTaskRunner
from levada.testing import Harness

HOOK_KINDS = ("on_completion", "on_failure", "on_cancellation", "on_crashed", "on_running")


@flow
def doubled(number: int) -> int:
    """Twice the number.

    More about it.
    """
    return number * 2


def test_attributes_of_a_plain_flow_are_what_authors_expect():
    assert isinstance(doubled, Flow)
    assert doubled.name == "doubled"
    assert doubled.description == "Twice the number.\n\nMore about it."
    assert doubled.fn(4) == 8
    assert (doubled.retries, doubled.retry_delay_seconds) == (0, 0)
    for empty in (
        doubled.flow_run_name, doubled.timeout_seconds, doubled.persist_result, doubled.result_storage,
        doubled.result_serializer, doubled.log_prints,
    ):  # fmt: skip
        assert empty is None
    assert doubled.should_validate_parameters is True
    assert doubled.cache_result_in_memory is True
    assert isinstance(doubled.task_runner, ThreadPoolTaskRunner)
    for kind in HOOK_KINDS:
        assert getattr(doubled, f"{kind}_hooks") == []
    assert (doubled.isasync, doubled.isgenerator, doubled.ismethod) == (False, False, False)
    assert (doubled.isclassmethod, doubled.isstaticmethod) == (False, False)
    assert doubled.__name__ == "doubled"
    assert doubled.__wrapped__ is doubled.fn
    assert doubled.__module__ == __name__
    assert doubled.entrypoint is not None
    assert doubled.entrypoint.endswith("test_flows.py:doubled")


def test_names_have_dashes_and_versions_are_digests_of_the_file():
    @flow
    def my_first_flow():
        pass

    assert my_first_flow.name == "my-first-flow"
    assert isinstance(my_first_flow.version, str)
    assert my_first_flow.version == doubled.version
    assert flow(version="7")(lambda: None).version == "7"
    assert flow(lambda: None).name == "unknown-lambda"
    assert flow(functools.partial(doubled.fn, 1), name="p").name == "p"


@pytest.mark.parametrize("char", "/%&><")
def test_a_flow_name_has_none_of_the_banned_characters(char):
    with pytest.raises(InvalidNameError, match="contains an invalid character"):
        flow(name=f"a{char}b")(lambda: None)


def test_a_flow_name_is_text():
    with pytest.raises(TypeError, match="Expected string for flow parameter 'name'; got int instead"):
        flow(name=5)(lambda: None)


def test_only_callables_can_be_flows():
    with pytest.raises(TypeError, match="'fn' must be callable"):
        flow(5)


@pytest.mark.parametrize("reserved", ["return_state", "wait_for"])
def test_a_flow_has_no_parameter_with_a_reserved_name(reserved):
    names: dict = {}
    exec(f"def f({reserved}): ...", names)
    with pytest.raises(ReservedArgumentError, match=f"'{reserved}' is a reserved argument name and cannot be used."):
        flow(names["f"])


@pytest.mark.parametrize("kind", HOOK_KINDS)
def test_hooks_are_a_list_of_callables(kind):
    with pytest.raises(TypeError, match=f"Expected iterable for '{kind}'; got function instead"):
        flow(**{kind: lambda f, r, s: None})(lambda: None)
    with pytest.raises(TypeError, match=f"Expected callables in '{kind}'; got int instead"):
        flow(**{kind: [5]})(lambda: None)


@pytest.mark.parametrize("kind", HOOK_KINDS)
def test_a_hook_that_cannot_take_three_arguments_is_refused_at_decoration(kind):
    with pytest.raises(TypeError, match="must take three arguments"):
        flow(**{kind: [lambda run: None]})(lambda: None)


def test_a_runner_can_be_given_as_a_class():
    runs = flow(task_runner=ThreadPoolTaskRunner)(lambda: None)
    assert isinstance(runs.task_runner, ThreadPoolTaskRunner)


@pytest.mark.parametrize("given", [0, None])
def test_no_timeout_is_none(given):
    assert flow(timeout_seconds=given)(lambda: None).timeout_seconds is None


def test_a_timeout_is_a_number_of_seconds():
    assert isinstance(flow(timeout_seconds=3)(lambda: None).timeout_seconds, float)


def test_a_call_gives_the_result_and_records_the_run(test_home: Harness):
    assert doubled(4) == 8
    (run,) = test_home.flow_runs()
    assert run.flow_name == "doubled"
    assert run.state_type is StateType.COMPLETED
    assert run.parameters == {"number": "4"}
    assert run.run_count == 1
    assert [state.name for state in run.states] == ["Running", "Completed"] or [s.name for s in run.states][-2:] == [
        "Running",
        "Completed",
    ]


async def test_an_async_flow_gives_a_coroutine(test_home: Harness):
    @flow
    async def later(number):
        await asyncio.sleep(0)
        return number + 1

    called = later(1)
    assert asyncio.iscoroutine(called)
    assert await called == 2
    state = await later(2, return_state=True)
    assert state.result() == 3
    assert len(test_home.flow_runs()) == 2


def test_a_coroutine_that_nobody_awaits_records_nothing(test_home: Harness):
    @flow
    async def later():
        return 1

    coroutine = later()
    coroutine.close()
    assert test_home.flow_runs() == []


def test_return_state_gives_the_final_state(test_home: Harness):
    state = doubled(2, return_state=True)
    assert state.is_completed()
    assert state.name == "Completed"
    assert state.result() == 4
    assert state.state_details.flow_run_id == test_home.flow_runs()[0].id


def test_return_state_never_raises_for_a_failure(test_home: Harness):
    @flow
    def wrong():
        raise KeyError("gone")

    state = wrong(return_state=True)
    assert state.is_failed()
    with pytest.raises(KeyError, match="gone"):
        state.result()


def test_an_error_goes_to_the_caller_as_it_was_raised(test_home: Harness):
    raised = ValueError("boom")

    @flow
    def wrong():
        try:
            raise LookupError("inner")
        except LookupError as error:
            raise raised from error

    with pytest.raises(ValueError, match="boom") as caught:
        wrong()
    assert caught.value is raised
    assert isinstance(caught.value.__cause__, LookupError)


def test_code_of_a_flow_runs_in_the_thread_of_its_caller(test_home: Harness):
    assert flow(threading.get_ident)() == threading.get_ident()


def test_a_flow_leaves_no_context_behind(test_home: Harness):
    @flow
    def wrong():
        raise ValueError

    doubled(1)
    wrong(return_state=True)
    assert flow_var.get() is None


def test_a_flow_waits_for_what_it_is_told_to(test_home: Harness):
    order = []

    @task
    def first():
        order.append("first")

    @flow
    def second():
        order.append("second")

    @flow
    def both():
        future = first.submit()
        second(wait_for=[future])

    both()
    assert order == ["first", "second"]


def test_a_flow_can_be_recursive(test_home: Harness):
    @flow
    def down(number):
        return 0 if number == 0 else 1 + down(number - 1)

    assert down(3) == 3
    assert len(test_home.flow_runs()) == 4


def test_a_flow_can_be_pickled_by_value(test_home: Harness):
    @flow(retries=2)
    def local(number):
        return number + 1

    copied = cloudpickle.loads(cloudpickle.dumps(local))
    assert copied.retries == 2
    assert copied(1) == 2


def test_flows_run_in_several_threads_at_once(test_home: Harness):
    barrier = threading.Barrier(4, timeout=20)

    @flow
    def meet(number):
        barrier.wait()
        return number

    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(meet(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 2, 3]
    assert all(run.parent_flow_run_id is None for run in test_home.flow_runs())


def test_parameters_are_described_as_a_schema():
    @flow
    def typed(a, b: int = 2):
        return a, b

    schema = typed.parameters
    assert schema.title == "Parameters"
    assert schema.type == "object"
    assert schema.required == ["a"]
    assert schema.properties["a"] == {"position": 0, "title": "a"}
    assert schema.properties["b"] == {"default": 2, "position": 1, "title": "b", "type": "integer"}
    assert schema.definitions == {}


def test_a_submission_that_nobody_waited_for_is_waited_for(test_home: Harness):
    """Quirk 1: with one worker, what had not started when the flow returned used to vanish."""
    done = []

    @task
    def work(number):
        done.append(number)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def forgetful():
        for number in range(5):
            work.submit(number)

    forgetful()
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert [run.state_name for run in test_home.task_runs()] == ["Completed"] * 5


def test_generated_run_names_are_two_words(test_home: Harness):
    doubled(1)
    name = test_home.flow_runs()[0].name
    assert len(name.split("-")) == 2


def test_how_often_a_run_may_crash_is_a_whole_number():
    assert (doubled.crash_retries, doubled.with_options(crash_retries=2).crash_retries) == (0, 2)
    for wrong in (-1, 1.5, True):
        with pytest.raises(DefinitionError, match="`crash_retries` is a whole number"):
            flow(lambda: None, crash_retries=wrong)
