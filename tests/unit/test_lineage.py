"""Which task's result went into which call."""

from __future__ import annotations

import enum
import gc
import weakref

import pytest

from levada import flow, task, unmapped
from levada.annotations import quote
from levada.testing import Harness


class Thing:
    pass


@task
def make():
    return Thing()


@task
def make_list():
    return [Thing(), Thing()]


@task
def make_dict():
    return {"k": Thing(), "n": 5}


@task
def use(thing=None, other=None):
    return Thing()


class Color(enum.Enum):
    RED = 1


def edges_of():
    """A function, which a program has one of."""


def edges(home, name="use-0"):
    """For each parameter of a run, the names of those whose results went in."""
    runs = {run.id: run for run in home.task_runs(limit=1000)}
    found = next(run for run in runs.values() if run.name == name)
    return {key: sorted(runs[source].name for source in sources) for key, sources in found.task_inputs.items()}


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: use(make.submit()), {"thing": ["make-0"]}),
        (lambda: use(make(return_state=True)), {"thing": ["make-0"]}),
        (lambda: use(make()), {"thing": ["make-0"]}),
        (lambda: use([make.submit(), {"a": make.submit()}]), {"thing": ["make-0", "make-1"]}),
        (lambda: use(make(), make()), {"thing": ["make-0"], "other": ["make-1"]}),
        (lambda: use(make_list()), {"thing": ["make_list-0"]}),
        (lambda: use(make_list()[0]), {"thing": ["make_list-0"]}),
        (lambda: use(make_dict()["k"]), {"thing": ["make_dict-0"]}),
        (lambda: use(make.submit().result()), {"thing": ["make-0"]}),
        (lambda: use(unmapped(make.submit())), {"thing": ["make-0"]}),
        (lambda: use(wait_for=[make.submit()]), {"__wait_for__": ["make-0"]}),
        (lambda: use(5), {}),
        (lambda: use(quote(make.submit())), {}),
    ],
)
def test_what_a_task_made_is_known_where_it_is_used(call, wanted, test_home: Harness):
    flow(lambda: (call(), None)[1])()
    assert edges(test_home) == wanted


@pytest.mark.parametrize(
    "value", [1, 300, True, None, "text", "x" * 1000, 2.5, b"b", (), "", frozenset(), Thing, edges_of, Color.RED]
)
def test_plain_values_make_no_false_links(value, test_home: Harness):
    """Quirk 36: equal literals are shared objects; taking one for another's result draws edges that are not there."""

    @task
    def give():
        return value

    @flow
    def run():
        give()
        use(value)

    run()
    assert edges(test_home) == {}


def test_a_new_object_at_the_place_of_a_dead_one_makes_no_false_link(test_home: Harness):
    @flow
    def run():
        for _ in range(200):
            make()
        use(Thing())

    run()
    assert edges(test_home) == {}


def test_links_end_with_their_flow_run(test_home: Harness):
    kept = []

    @flow
    def first():
        kept.append(make())

    @flow
    def second():
        use(kept[0])

    first()
    second()
    assert edges(test_home) == {}


def test_items_of_a_map_are_linked_one_by_one(test_home: Harness):
    @task
    def each(x):
        return Thing()

    @flow
    def run():
        first = each.map([1, 2])
        use.map(first).wait()

    run()
    assert edges(test_home, "use-0") == {"thing": ["each-0"]}
    assert edges(test_home, "use-1") == {"thing": ["each-1"]}


def test_a_long_run_does_not_keep_what_it_made(test_home: Harness):
    """Quirk 29: what tasks returned is not held for the life of the flow."""
    alive = []

    @flow
    def run():
        for _ in range(50):
            alive.append(weakref.ref(make()))
        gc.collect()
        return sum(ref() is not None for ref in alive)

    assert run() <= 1
