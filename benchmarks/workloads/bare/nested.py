"""Functions that call ten functions each, as the floor of nested tasks."""

from stopwatch import clocked, count, report


def inner(number: int) -> int:
    """Do nothing."""
    return number


def outer(number: int) -> int:
    """Call ten."""
    return sum(inner(number) for _ in range(10))


report(**clocked(count(), outer))
