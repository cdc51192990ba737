"""Who watches submitted work is told the end of each call that it was told the beginning of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from levada import flow, task
from levada.core.states import State
from levada.engine import observers


class Tally:
    def __init__(self) -> None:
        self.submitted = 0
        self.finished: list[str] = []

    def on_submitted(self, task: str, total: int | None) -> None:
        self.submitted += total is None

    def on_finished(self, task: str, state: State) -> None:
        self.finished.append(state.name)


@pytest.fixture
def tally() -> Iterator[Tally]:
    made = Tally()
    observers.add(made)
    yield made
    observers.remove(made)


@task
def double(value: int) -> int:
    return value * 2


def test_calls_that_are_answered_from_records_end_too(tally: Tally, test_home: Any) -> None:
    """A progress bar once stood below its total for ever after a retry of the flow."""
    attempts: list[int] = []

    @flow(retries=1)
    def doubles() -> None:
        double.map([1, 2]).result()
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError

    doubles()
    assert tally.submitted == len(tally.finished) == 4


def test_calls_whose_upstream_failed_end_too(tally: Tally, test_home: Any) -> None:
    @task
    def fails() -> int:
        raise ValueError

    @flow
    def goes_wrong() -> None:
        double.submit(fails.submit()).wait()

    goes_wrong(return_state=True)
    assert tally.submitted == 2
    assert sorted(tally.finished) == ["Failed", "NotReady"]
