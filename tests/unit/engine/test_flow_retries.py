"""A flow that is retried takes what it completed, and nothing else, from the attempts before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from levada import flow, task
from levada.settings import temporary_settings
from levada.testing import Harness, harness

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
