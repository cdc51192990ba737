"""`map`: one task over many inputs."""

from __future__ import annotations

import threading
import tracemalloc

import pytest

from levada import allow_failure, flow, task, unmapped
from levada.annotations import quote
from levada.core.errors import (
    MappingLengthMismatch,
    MappingMissingIterable,
    MissingContextError,
    ParameterBindError,
    UpstreamTaskError,
)
from levada.futures import FutureList
from levada.task_runners import ThreadPoolTaskRunner
from levada.testing import Harness


@task
def add(x, y=10):
    return x + y


@task
def same(x):
    return x


@task
def bad(x):
    raise ValueError(f"bad {x}")


@task
def every(*args, **kwargs):
    return args, kwargs


def mapped(definition, *args, **kwargs):
    """What a map gives inside a flow."""
    return flow(lambda: definition.map(*args, **kwargs).result())()


@pytest.mark.parametrize(
    ("args", "kwargs", "wanted"),
    [
        (([1, 2],), {}, [11, 12]),
        (([1, 2], [3, 4]), {}, [4, 6]),
        (([1, 2],), {"y": [5, 6]}, [6, 8]),
        (([1, 2], 5), {}, [6, 7]),
        (([1, 2],), {"y": unmapped(5)}, [6, 7]),
        ((range(3),), {"y": 0}, [0, 1, 2]),
        (((n for n in (1, 2)), 0), {}, [1, 2]),
        ((iter([1, 2]), 0), {}, [1, 2]),
        (({1, 2}, 0), {}, [1, 2]),
        (({1: "a", 2: "b"}, 0), {}, [1, 2]),
        (((1, 2), 0), {}, [1, 2]),
        (([],), {}, []),
        ((["a", "b"], "c"), {}, ["ac", "bc"]),
        (([[1], [2]], unmapped([9])), {}, [[1, 9], [2, 9]]),
    ],
)
def test_iterables_are_spread_and_the_rest_stays(args, kwargs, wanted, test_home: Harness):
    assert mapped(add, *args, **kwargs) == wanted


def test_annotations_keep_collections_whole(test_home: Harness):
    assert mapped(add, [[1], [2]], quote([3])) == [[1, 3], [2, 3]]


def test_variable_arguments_are_spread(test_home: Harness):
    assert mapped(every, [1, 2], [3, 4]) == [((1, 2), {}), ((3, 4), {})]
    assert mapped(every, a=[1, 2], b=[3, 4]) == [((), {"a": 1, "b": 3}), ((), {"a": 2, "b": 4})]
    assert mapped(every, a=[1, 2], b=unmapped([5])) == [((), {"a": 1, "b": [5]}), ((), {"a": 2, "b": [5]})]


def test_lengths_must_be_equal(test_home: Harness):
    with pytest.raises(MappingLengthMismatch, match="Parameters for map must all be the same length"):
        mapped(add, [1, 2], [1, 2, 3])
    with pytest.raises(MappingLengthMismatch, match=r"Got lengths: \{'x': 2, 'y': 3\}"):
        mapped(add, [1, 2], [1, 2, 3])
    assert test_home.task_runs() == []


@pytest.mark.parametrize("args", [(1, 2), (unmapped([1, 2]),), ("abc",), (b"ab",), (None,)], ids=str)
def test_something_must_be_iterable(args, test_home: Harness):
    with pytest.raises(MappingMissingIterable, match="No iterable parameters were received"):
        mapped(add, *args)


def test_a_missing_argument_is_told_before_anything_runs(test_home: Harness):
    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        mapped(add, y=[1])


def test_mapping_needs_a_flow():
    with pytest.raises(MissingContextError):
        add.map([1])


def test_a_map_gives_a_list_of_futures(test_home: Harness):
    @flow
    def run():
        futures = add.map([1, 2, 3])
        assert isinstance(futures, FutureList)
        assert isinstance(futures, list)
        assert len(futures) == 3
        assert futures[0].result() == 11
        assert [f.result() for f in futures[1:]] == [12, 13]
        futures.wait()
        return futures.result()

    assert run() == [11, 12, 13]


def test_a_map_can_give_states(test_home: Harness):
    states = flow(lambda: {"s": add.map([1, 2], return_state=True)})()["s"]
    assert [state.result() for state in states] == [11, 12]


def test_errors_of_items(test_home: Harness):
    with pytest.raises(ValueError, match="bad 1"):
        mapped(bad, [1, 2])
    found = flow(lambda: bad.map([1, 2]).result(raise_on_failure=False))()
    assert [str(error) for error in found] == ["bad 1", "bad 2"]


def test_futures_are_inputs(test_home: Harness):
    @flow
    def run():
        whole = same.submit([1, 2, 3])
        each = same.map([5, 6])
        return (
            add.map(whole, 0).result(),
            add.map(each, 0).result(),
            add.map([1, 2], same.submit(5)).result(),
            add.map([1, 2], unmapped(same.submit(5))).result(),
            [f.result() for f in same.map([[same.submit(7)], [8]])],
        )

    assert run() == ([1, 2, 3], [5, 6], [6, 7], [6, 7], [[7], [8]])


def test_failed_upstreams_of_items(test_home: Harness):
    @flow
    def run():
        failed = bad.map([1, 2])
        downstream = same.map(failed)
        downstream.wait()
        assert [f.state.name for f in downstream] == ["NotReady", "NotReady"]
        assert [str(e) for e in same.map(allow_failure(failed)).result()] == ["bad 1", "bad 2"]
        one = bad.submit(3)
        found = add.map(["a", "b"], unmapped(allow_failure(one)), return_state=True)
        assert all(state.is_failed() for state in found)
        with pytest.raises(UpstreamTaskError):
            same.map([1], wait_for=[one]).result()
        assert same.map([1], wait_for=[same.submit(1)]).result() == [1]

    run()


def test_items_are_task_runs_of_their_own_in_order(test_home: Harness):
    mapped(add.with_options(task_run_name="add {x}"), [1, 2, 3])
    runs = test_home.task_runs()
    assert [run.name for run in runs] == ["add 1", "add 2", "add 3"]
    assert [run.parameters["x"] for run in runs] == ["1", "2", "3"]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_items_can_go_to_workers_in_batches(batch, test_home: Harness):
    assert mapped(add, range(7), 0, batch=batch) == list(range(7))
    assert len(test_home.task_runs()) == 7


def test_items_of_a_batch_run_on_one_worker(test_home: Harness):
    @task
    def where(n):
        return threading.get_ident()

    found = mapped(where, range(4), batch=4)
    assert len(set(found)) == 1


def test_a_failed_item_does_not_stop_its_batch(test_home: Harness):
    @task
    def odd(n):
        if n % 2:
            raise ValueError(n)
        return n

    found = flow(lambda: odd.map(range(4), batch=4).result(raise_on_failure=False))()
    assert [found[0], found[2]] == [0, 2]
    assert [type(found[1]), type(found[3])] == [ValueError, ValueError]


@pytest.mark.parametrize(("option", "value"), [("max_in_flight", 0), ("batch", 0), ("batch", -1)])
def test_options_that_make_no_sense_are_refused(option, value, test_home: Harness):
    with pytest.raises(ValueError, match=option):
        mapped(add, [1], **{option: value})


class Watch:
    """Counts what runs now, and what was taken from the inputs ahead of what was consumed."""

    def __init__(self):
        self.lock = threading.Lock()
        self.taken = self.consumed = self.ahead = 0

    def inputs(self, count):
        for number in range(count):
            with self.lock:
                self.taken += 1
                self.ahead = max(self.ahead, self.taken - self.consumed)
            yield number


def test_a_lazy_map_is_never_more_than_its_limit_ahead(test_home: Harness):
    """Quirk 22: a stream of any length is submitted as it is consumed."""
    watch = Watch()

    @flow
    def run():
        total = 0
        for future in add.map(watch.inputs(500), y=0, max_in_flight=8):
            total += future.result()
            watch.consumed += 1
        return total

    assert run() == sum(range(500))
    assert watch.taken == 500
    assert watch.ahead <= 10


def test_a_lazy_map_over_an_endless_iterable_can_be_left(test_home: Harness):
    watch = Watch()

    @flow
    def run():
        found = []
        for future in same.map(watch.inputs(200), max_in_flight=4):
            found.append(future.result())
            if len(found) == 10:
                break
        return found

    assert run() == list(range(10))
    assert watch.taken == 200  # what nobody took runs before the flow ends; nothing vanishes


def test_a_lazy_map_gives_results_in_order(test_home: Harness):
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def run():
        stream = same.map(range(50), max_in_flight=7)
        return stream.result(), list(same.map(range(20), max_in_flight=3).results())

    assert run() == (list(range(50)), list(range(20)))


async def test_a_lazy_map_is_consumed_in_async_code(test_home: Harness):
    @task
    async def later(n):
        return n

    @flow
    async def run():
        return [await future.result_async() async for future in later.map(range(20), max_in_flight=4)]

    assert await run() == list(range(20))


def test_a_lazy_map_tells_of_different_lengths_when_it_gets_there(test_home: Harness):
    with pytest.raises(MappingLengthMismatch):
        flow(lambda: add.map(iter([1, 2]), iter([1]), max_in_flight=1).result())()


def test_a_lazy_map_takes_constant_memory(test_home: Harness):
    @flow
    def warm_up():
        same.map(range(50), max_in_flight=4).wait()

    @flow
    def run(count):
        same.map(range(count), max_in_flight=16).wait()

    def peak(count):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        run(count)
        return tracemalloc.get_traced_memory()[1] - before

    warm_up()
    tracemalloc.start()
    try:
        peak(200)
        small, large = peak(400), peak(4000)
    finally:
        tracemalloc.stop()
    assert large < small + 600_000, (small, large)


def test_a_map_inside_a_task(test_home: Harness):
    @task
    def outer(numbers):
        return add.map(numbers, 0).result()

    assert flow(lambda: outer([1, 2]))() == [1, 2]


def test_a_map_of_an_async_task(test_home: Harness):
    @task
    async def later(n):
        return n * 2

    assert mapped(later, [1, 2]) == [2, 4]


def test_a_thousand_items(test_home: Harness):
    assert sum(mapped(same, range(1000))) == sum(range(1000))
    assert len(test_home.task_runs(limit=2000)) == 1000
