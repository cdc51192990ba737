"""Async tasks awaited one after the other in one async flow."""

import asyncio

from prefect import flow, task
from stopwatch import clocked_async, count, report


@task
async def step(number: int) -> int:
    """Do nothing."""
    return number


@flow
async def sequence(calls: int) -> dict[str, float]:
    """Await it again and again."""
    return await clocked_async(calls, step)


if __name__ == "__main__":
    report(**asyncio.run(sequence(count())))
