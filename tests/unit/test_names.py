"""What runs are called."""

from __future__ import annotations

import dataclasses
import datetime
import re

import pytest

from levada import flow, task
from levada.core.errors import NameTemplateError
from levada.runtime import flow_run, task_run
from levada.testing import Harness


@dataclasses.dataclass
class Order:
    id: int


def task_names(home):
    return [run.name for run in home.task_runs()]


def test_flow_runs_that_nobody_named_have_two_words(test_home: Harness):
    names = set()
    for _ in range(20):
        flow(lambda: None)()
    names = {run.name for run in test_home.flow_runs()}
    assert len(names) > 15
    assert all(re.fullmatch(r"[a-z]+-[a-z]+", name) for name in names)


def test_task_runs_are_numbered_by_task(test_home: Harness):
    """Quirk 35: no random letters that collide, but an ordinal."""

    @task
    def work():
        return task_run.name

    @task(name="other work")
    def other():
        return task_run.name

    found = flow(lambda: [work(), other(), work.submit().result(), work()])()
    assert found == ["work-0", "other work-0", "work-1", "work-2"]
    assert work() == "work"


def test_a_task_run_name_is_a_template_over_the_parameters(test_home: Harness):
    @task(task_run_name="n-{x}-{y}-{order.id}-{items[0]}-{day:%A}")
    def work(x, order, items, y=3, day=datetime.date(2024, 1, 1)):
        return task_run.name

    assert work(1, Order(7), ["first"]) == "n-1-3-7-first-Monday"
    named = flow(lambda: [work(work.fn and 1, Order(7), ["first"]), work.submit(2, Order(8), ["b"]).result()])
    assert named() == ["n-1-3-7-first-Monday", "n-2-3-8-b-Monday"]


def test_a_template_sees_the_results_of_futures(test_home: Harness):
    @task
    def give():
        return "given"

    @task(task_run_name="n-{x}")
    def work(x):
        return task_run.name

    assert flow(lambda: [work(give.submit()), work.submit(give.submit()).result()])() == ["n-given", "n-given"]
    assert "n-given" in task_names(test_home)


@pytest.mark.parametrize("decorate", [task, flow], ids=["task", "flow"])
def test_a_template_that_cannot_work_is_refused_at_decoration(decorate):
    """Quirk 10: the rival leaves the task run Pending for ever."""
    option = f"{decorate(lambda: 1).kind}_run_name"
    for template in ("{missing}", "{x} {y.z}", "{", "{}"):
        with pytest.raises(NameTemplateError, match="emplate"):

            @decorate(**{option: template})
            def work(x):
                pass


@pytest.mark.parametrize("decorate", [task, flow], ids=["task", "flow"])
def test_a_name_is_text_or_callable(decorate):
    option = f"{decorate(lambda: 1).kind}_run_name"
    with pytest.raises(TypeError, match=f"Expected string or callable for '{option}'; got int instead."):
        decorate(**{option: 5})(lambda: None)


def test_a_template_may_ask_for_variable_keywords(test_home: Harness):
    @task(task_run_name="n-{a}-{extra}")
    def work(a, **more):
        return task_run.name

    assert work(1, extra=2) == "n-1-2"


def test_a_function_makes_the_name_of_a_task_run(test_home: Harness):
    def with_parameters(parameters):
        return f"p{parameters['x']}"

    def without():
        return f"zero-{flow_run.flow_name}"

    async def later():
        return "async"

    found = []
    for name in (with_parameters, without, later):

        @task(task_run_name=name)
        def work(x):
            return task_run.name

        found.append(work)

    @flow(name="named")
    def run():
        return [work(1) for work in found] + [work.submit(1).result() for work in found]

    assert run() == ["p1", "zero-named", "async"] * 2


def test_a_function_makes_the_name_of_a_flow_run(test_home: Harness):
    def make():
        return f"{flow_run.flow_name}-{flow_run.parameters['x']}"

    @flow(flow_run_name=make)
    def my_flow(x):
        return flow_run.name

    assert my_flow(5) == "my-flow-5"
    assert test_home.flow_runs()[0].name == "my-flow-5"


def test_a_flow_run_name_is_a_template_over_the_parameters(test_home: Harness):
    @flow(flow_run_name="{name}-on-{date:%A}")
    def my_flow(name: str, date: datetime.date = datetime.date(2024, 1, 1)):
        return flow_run.name

    assert my_flow("marvin") == "marvin-on-Monday"
    assert my_flow("marvin", "2024-01-02") == "marvin-on-Tuesday"


async def test_names_of_async_runs(test_home: Harness):
    @task(task_run_name="t-{x}")
    async def work(x):
        return task_run.name

    @flow(flow_run_name="f-{x}")
    async def run(x):
        return flow_run.name, await work(x)

    assert await run(1) == ("f-1", "t-1")


def test_a_name_that_cannot_be_made_when_the_task_runs_does_not_stop_it(test_home: Harness):
    """Quirk 10: the run keeps its plain name, and the log says why."""

    @task(task_run_name="{order.id}")
    def work(order):
        return 1

    assert flow(lambda: work("no order"))() == 1
    assert task_names(test_home) == ["work-0"]
    assert any("name of this task run" in line.message for line in test_home.logs())


def test_a_flow_run_name_that_cannot_be_made_fails_the_run(test_home: Harness):
    @flow(flow_run_name=lambda: 1 / 0)
    def run():
        pass

    state = run(return_state=True)
    assert state.is_failed()
    assert "name of this flow run could not be made" in state.message
    with pytest.raises(ZeroDivisionError):
        run()


@pytest.mark.parametrize("decorate", [task, flow], ids=["task", "flow"])
def test_a_function_that_gives_no_text_is_told(decorate, test_home: Harness):
    option = f"{decorate(lambda: 1).kind}_run_name"
    work = decorate(**{option: lambda: 5})(lambda: 1)
    state = work(return_state=True)
    texts = str(state.message) + " ".join(line.message for line in test_home.logs())
    assert "returned type int but a string is required" in texts


def test_other_options_give_other_names(test_home: Harness):
    @task
    def work():
        return task_run.name

    assert flow(lambda: work.with_options(name="other")())() == "other-0"
    assert flow(lambda: work.with_options(task_run_name="q")())() == "q"


def test_mapped_items_are_named_by_their_item(test_home: Harness):
    @task(task_run_name="n-{x}")
    def work(x, y):
        return task_run.name

    assert flow(lambda: work.map([1, 2], 0).result())() == ["n-1", "n-2"]


def test_a_retried_run_keeps_its_name(test_home: Harness):
    names = []

    @task(retries=1, task_run_name="n-{x}")
    def work(x):
        names.append(task_run.name)
        raise ValueError

    work(1, return_state=True)
    assert names == ["n-1", "n-1"]
