"""Coroutines awaited one after the other."""

import asyncio

from stopwatch import clocked_async, count, report


async def step(number: int) -> int:
    """Do nothing."""
    return number


report(**asyncio.run(clocked_async(count(), step)))
