"""A function that calls a function, as the floor of subflows."""

from stopwatch import clocked, count, report


def child(number: int) -> int:
    """Do nothing."""
    return number


report(**clocked(count(), child))
