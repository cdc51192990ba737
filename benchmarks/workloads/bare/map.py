"""Calls through the standard library's thread pool."""

from concurrent.futures import ThreadPoolExecutor

from stopwatch import clocked_whole, count, report


def step(number: int) -> int:
    """Do nothing."""
    return number


with ThreadPoolExecutor() as pool:
    report(**clocked_whole(count(), lambda: list(pool.map(step, range(count())))))
