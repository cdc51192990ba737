"""A run that waits for a slot says so, and says who holds it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada import flow, task
from levada.concurrency import concurrency
from levada.control import ControlPlane
from levada.orchestration import get_client
from levada.testing import harness
from levada.wire.objects import Why


@pytest.fixture(autouse=True)
def home(levada_home: Path) -> Iterator[Path]:
    """A home and a session of this test's own."""
    with harness() as test:
        yield test.home


def why_open_tasks(home: Path) -> list[Why]:
    with ControlPlane(home) as plane, get_client(sync_client=True) as client:
        waiting = [run for run in client.read_task_runs() if not run.state.is_final()]
        return [plane.why(run.id) for run in waiting]


def test_a_task_that_waits_for_its_tags_limit_says_who_holds_it(home: Path) -> None:
    inside, may_go = threading.Event(), threading.Event()
    said: list[Why] = []

    @task(tags=["db"])
    def hold() -> None:
        inside.set()
        assert may_go.wait(30)

    @flow
    def two() -> None:
        first = hold.submit()
        assert inside.wait(30)
        second = hold.submit()
        while not any("tag:db" in reason for answer in said for reason in answer.reasons):
            said.extend(why_open_tasks(home))
        may_go.set()
        first.result()
        second.result()

    with get_client(sync_client=True) as client:
        client.create_concurrency_limit("db", 1)
    two()
    (reason,) = {reason for answer in said for reason in answer.reasons if "tag:db" in reason}
    assert reason.startswith("It waits for a slot of concurrency limit 'tag:db': 1 of 1 are held, by task run ")


def test_a_flow_that_waits_inside_itself_says_who_holds_the_limit(home: Path) -> None:
    said: list[str] = []

    @flow
    def waits() -> None:
        with concurrency("api"):
            pass

    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit("api", 1)
        with concurrency("api", holder="the test"):
            running = threading.Thread(target=waits)
            running.start()
            while not said:
                said = [
                    reason
                    for run in client.read_flow_runs()
                    for reason in client.why(run.id).reasons
                    if "concurrency limit" in reason
                ]
        running.join()
    assert said == ["It waits for a slot of concurrency limit 'api': 1 of 1 are held, by the test."]
