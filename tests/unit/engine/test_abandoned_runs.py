"""Runs whose coroutine is closed before it has ended."""

from __future__ import annotations

import asyncio
from typing import Any

from levada import flow, task


def test_a_flow_whose_coroutine_is_closed_is_recorded_as_crashed(test_home: Any) -> None:
    """It once stayed Running as long as its process lived."""

    @task
    async def waits() -> None:
        await asyncio.get_running_loop().create_future()

    @flow
    async def inner() -> None:
        await waits()

    @flow
    async def outer() -> None:
        await inner()

    async def abandon() -> None:
        coroutine = outer()
        coroutine.send(None)
        coroutine.close()

    asyncio.run(abandon())
    assert [run.state_name for run in test_home.flow_runs()] == ["Crashed", "Crashed"]
    assert {run.state_name for run in test_home.task_runs()} == {"Crashed"}
