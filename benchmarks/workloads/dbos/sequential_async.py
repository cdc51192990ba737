"""Async steps awaited one after the other in one async workflow."""

import asyncio

from dbos import DBOS
from sqlite import configure
from stopwatch import clocked_async, count, report

configure()


@DBOS.step()
async def step(number: int) -> int:
    """Do nothing."""
    return number


@DBOS.workflow()
async def sequence(calls: int) -> dict[str, float]:
    """Await it again and again."""
    return await clocked_async(calls, step)


if __name__ == "__main__":
    DBOS.launch()
    report(**asyncio.run(sequence(count())))
    DBOS.destroy()
