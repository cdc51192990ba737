"""Function calls, one after the other."""

from stopwatch import clocked, count, report


def step(number: int) -> int:
    """Do nothing."""
    return number


report(**clocked(count(), step))
