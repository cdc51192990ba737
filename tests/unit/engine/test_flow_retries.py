"""A flow that is retried takes what it completed, and nothing else, from the attempts before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from levada import flow, task
from levada.settings import temporary_settings
from levada.states import Completed, State
from levada.testing import Harness, harness
from levada.transactions import transaction

calls: list[str] = []


@task
def extract() -> int:
    calls.append("extract")
    return 42


@task
def load(value: int) -> int:
    calls.append("load")
    if calls.count("load") == 1:
        raise OSError("disk full")
    return value


@flow(retries=1, retry_delay_seconds=60)
def etl() -> int:
    return load(extract())


@flow(retries=1)
def etl_submitted() -> int:
    return load.submit(extract.submit()).result()


@pytest.fixture
def test() -> Iterator[Harness]:
    calls.clear()
    with harness(virtual_clock=True) as made:
        yield made


@pytest.mark.parametrize("pipeline", [etl, etl_submitted], ids=["called", "submitted"])
def test_a_call_that_failed_runs_again_and_one_that_completed_does_not(pipeline, test) -> None:
    """The exception of the failed call was once taken for its result, and the flow completed with it."""
    assert pipeline() == 42
    assert calls == ["extract", "load", "load"]
    assert [run.state_name for run in test.task_runs()] == ["Completed", "Completed"]


def test_everything_runs_again_when_the_setting_says_so(test) -> None:
    with temporary_settings({"flows.retry_reuses_results": False}):
        assert etl() == 42
    assert calls == ["extract", "load", "extract", "load"]


def test_what_a_transaction_undid_is_done_again(test) -> None:
    """The result of a rolled-back call once answered the next attempt: the work was undone and never done again."""

    @task
    def write() -> str:
        calls.append("write")
        return "written"

    @write.on_rollback
    def undo(_) -> None:
        calls.append("undo")

    @flow(retries=1)
    def moves() -> None:
        with transaction():
            write()
            if calls.count("write") == 1:
                raise OSError("disk full")

    moves()
    assert calls == ["write", "undo", "write"]


def test_a_call_that_returned_a_state_answers_with_a_state_again(test) -> None:
    """The first attempt was given a state, the second the bare value."""
    found: list[object] = []

    @task
    def measure() -> State:
        calls.append("measure")
        return Completed(data=7)

    @flow(retries=1)
    def reads() -> None:
        found.append(measure())
        if len(found) == 1:
            raise OSError("disk full")

    reads()
    assert [type(answer) for answer in found] == [State, State]
    assert found[1].result() == 7
    assert calls == ["measure"]
