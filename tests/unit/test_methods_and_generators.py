"""Methods of all kinds, generators and async generators as flows and tasks."""

from __future__ import annotations

import asyncio

import pytest

from levada import flow, recovery, task
from levada.cache_policies import INPUTS
from levada.testing import Harness


class Shop:
    """Methods as tasks and flows, decorated in either order."""

    kind = "shop"

    def __init__(self, name):
        self.name = name

    @task
    def sell(self, thing):
        return self.name, thing

    @flow
    def open(self, thing):
        return self.sell(thing), self.sell.submit(thing).result(), self.sell.map([thing]).result()

    @flow
    async def aopen(self, thing):
        return await self.asell(thing)

    @task
    async def asell(self, thing):
        return self.name, thing

    @classmethod
    @flow
    def class_below(cls, thing):
        return cls.kind, thing

    @flow
    @classmethod
    def class_above(cls, thing):
        return cls.kind, thing

    @task
    @classmethod
    def class_task(cls, thing):
        return cls.kind, thing

    @staticmethod
    @flow
    def static_below(thing):
        return thing

    @flow
    @staticmethod
    def static_above(thing):
        return thing

    @task
    @staticmethod
    def static_task(thing):
        return thing

    @flow
    def items(self, count):
        yield from ((self.name, n) for n in range(count))


def test_instance_methods_know_their_instance(test_home: Harness):
    first, second = Shop("a"), Shop("b")
    assert first.open(1) == (("a", 1), ("a", 1), [("a", 1)])
    assert second.open(2) == (("b", 2), ("b", 2), [("b", 2)])
    assert Shop.open(first, 3)[0] == ("a", 3)
    assert list(first.items(2)) == [("a", 0), ("a", 1)]


async def test_async_methods_know_their_instance(test_home: Harness):
    assert await Shop("a").aopen(1) == ("a", 1)


def test_class_methods_know_their_class_whichever_way_they_are_decorated(test_home: Harness):
    class Bakery(Shop):
        kind = "bakery"

    for name in ("class_below", "class_above", "class_task"):
        assert getattr(Shop, name)(1) == ("shop", 1)
        assert getattr(Bakery, name)(1) == ("bakery", 1)
        assert getattr(Bakery("x"), name)(1) == ("bakery", 1)


@pytest.mark.parametrize("name", ["static_below", "static_above", "static_task"])
def test_static_methods_work_on_the_class_and_on_instances(name, test_home: Harness):
    assert getattr(Shop, name)(1) == 1
    assert getattr(Shop("a"), name)(1) == 1


def test_bound_methods_say_what_they_are():
    shop = Shop("a")
    assert shop.open.ismethod
    assert shop.open.name == "open"
    assert Shop.class_above.isclassmethod
    assert Shop.static_above.isstaticmethod


def test_a_method_with_other_options_keeps_its_instance(test_home: Harness):
    shop = Shop("a")
    renamed = shop.sell.with_options(name="sold")
    assert renamed("x") == ("a", "x")
    assert Shop.class_above.with_options(name="other")(1) == ("shop", 1)
    assert Shop.static_above.with_options(name="other")(1) == 1


def test_a_method_does_not_count_self_as_a_parameter(test_home: Harness):
    Shop("a").sell("x")
    assert test_home.task_runs()[0].parameters == {"thing": "'x'"}


@task
def counted(count):
    yield from range(count)
    return "end"


@task
async def acounted(count):
    for number in range(count):
        await asyncio.sleep(0)
        yield number


@flow
def flow_counted(count):
    yield from range(count)
    return "end"


@flow
async def aflow_counted(count):
    for number in range(count):
        yield number


@pytest.mark.parametrize("definition", [counted, flow_counted])
def test_a_generator_hands_its_items_over_as_they_come(definition, test_home: Harness):
    generator = definition(2)
    assert test_home.task_runs() == []
    assert test_home.flow_runs() == []
    assert (next(generator), next(generator)) == (0, 1)
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "end"


@pytest.mark.parametrize("definition", [acounted, aflow_counted])
async def test_an_async_generator_hands_its_items_over_as_they_come(definition, test_home: Harness):
    assert [item async for item in definition(3)] == [0, 1, 2]


def test_a_generator_task_in_a_generator_flow(test_home: Harness):
    @flow
    def run():
        for number in counted(3):
            yield number * 10

    assert list(run()) == [0, 10, 20]
    assert test_home.task_runs()[0].state_name == "Completed"
    assert test_home.flow_runs()[0].state_name == "Completed"


async def test_an_async_generator_task_in_an_async_flow(test_home: Harness):
    @flow
    async def run():
        return [number async for number in acounted(3)]

    assert await run() == [0, 1, 2]
    assert test_home.task_runs()[0].state_name == "Completed"


def test_a_submitted_generator_task_gives_a_list(test_home: Harness):
    @flow
    def run():
        return counted.submit(2).result(), [f.result() for f in counted.map([1, 2])], acounted.submit(2).result()

    assert run() == ([0, 1], [[0], [0, 1]], [0, 1])


def test_leaving_a_generator_early_completes_it_once(test_home: Harness):
    """Quirk 8: the rival records Completed and then RolledBack."""

    @flow
    def run():
        for number in counted(5):
            if number == 1:
                break
        return "done"

    assert run() == "done"
    assert test_home.states_of("counted-0")[-1] == "Completed"
    assert "RolledBack" not in test_home.states_of("counted-0")


async def test_leaving_an_async_generator_early_completes_it(test_home: Harness):
    @flow
    async def run():
        items = acounted(5)
        async for number in items:
            if number == 1:
                break
        await items.aclose()

    await run()
    assert test_home.states_of("acounted-0")[-1] == "Completed"


def test_closing_a_generator_runs_its_finally(test_home: Harness):
    closed = []

    @flow
    def run():
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    generator = run()
    next(generator)
    generator.close()
    assert closed == [True]
    assert test_home.flow_runs()[0].state_name == "Completed"


@pytest.mark.parametrize("decorate", [flow, task])
def test_a_generator_that_raises_fails(decorate, test_home: Harness):
    @decorate
    def wrong():
        yield 1
        raise ValueError("g")

    generator = wrong()
    assert next(generator) == 1
    with pytest.raises(ValueError, match="g"):
        next(generator)
    assert (test_home.flow_runs() + test_home.task_runs())[0].state_name == "Failed"


def test_values_can_be_sent_into_a_generator(test_home: Harness):
    @task
    def echo():
        received = yield "ready"
        while received is not None:
            received = yield received * 2

    generator = echo()
    assert next(generator) == "ready"
    assert generator.send(4) == 8


def test_tasks_called_between_the_items_belong_to_the_caller(test_home: Harness):
    """The generator's context is entered only while the generator runs."""

    @task
    def inside(number):
        return number

    @task
    def produce():
        for number in range(2):
            yield inside(number)

    @flow
    def run():
        return [inside(number + 10) for number in produce()]

    assert run() == [10, 11]
    runs = {found.name: found for found in test_home.task_runs()}
    parents = [found.parent_task_run_id for found in test_home.task_runs() if found.name.startswith("inside")]
    assert parents.count(None) == 2
    assert parents.count(runs["produce-0"].id) == 2


def test_what_a_generator_yields_is_linked_to_it(test_home: Harness):
    class Thing:
        pass

    @task
    def produce():
        yield Thing()

    @task
    def use(thing):
        return 1

    @flow
    def run():
        for thing in produce():
            use(thing)

    run()
    runs = {found.name: found for found in test_home.task_runs()}
    assert runs["use-0"].task_inputs == {"thing": [runs["produce-0"].id]}


def test_a_generator_is_retried_from_its_start(test_home: Harness):
    tries = []

    @task(retries=1)
    def flaky():
        tries.append(1)
        yield 1
        if len(tries) == 1:
            raise ValueError("first")
        yield 2

    assert list(flaky()) in ([1, 2], [1, 1, 2])
    assert len(tries) == 2


def test_a_flow_that_returns_a_generator_gives_its_items(test_home: Harness):
    """Quirk 9: the rival gives None on Python 3.11."""

    @flow
    def run():
        return (number for number in range(3))

    assert list(run()) == [0, 1, 2]


def test_a_generator_gives_its_items_also_when_its_state_is_asked_for(test_home: Harness):
    @flow
    def run():
        return list(counted(2, return_state=True))

    assert run() == [0, 1]


def test_a_generator_is_never_answered_from_a_cache_or_from_records(test_home: Harness):
    """The items went to the caller as they came; a second reading must not find an empty hand."""
    ran = []
    broken = [True]

    @task(persist_result=True, cache_policy=INPUTS)
    def cached(count):
        ran.append(count)
        yield from range(count)

    @task
    def plain(count):
        ran.append(count)
        yield from range(count)

    @flow
    def child(count):
        yield from range(count)

    @flow
    def run():
        found = list(cached(2)), list(cached(2)), list(plain(3)), list(child(1)), plain.submit(4).result()
        if broken[0]:
            raise ValueError("not yet")
        return found

    run(return_state=True)
    broken[0] = False
    ran.clear()
    resumed = recovery.resume(test_home.flow_runs(top_level=True)[0].id, flow=run)
    assert resumed.state.result() == ([0, 1], [0, 1], [0, 1, 2], [0], [0, 1, 2, 3])
    assert ran == [2, 2, 3]  # the submitted one gave a list, which its record holds


def test_a_generator_that_is_left_early_is_not_cached(test_home: Harness):
    @task(persist_result=True, cache_policy=INPUTS)
    def cached(count):
        yield from range(count)

    @flow
    def run():
        next(iter(cached(3)))
        return list(cached(3))

    assert run() == [0, 1, 2]
    assert all("RolledBack" not in test_home.states_of(name) for name in ("cached-0", "cached-1"))
