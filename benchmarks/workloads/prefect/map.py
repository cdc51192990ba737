"""One task mapped over a range on the thread runner."""

from prefect import flow, task
from stopwatch import clocked_whole, count, report


@task
def step(number: int) -> int:
    """Do nothing."""
    return number


@flow
def fan_out(calls: int) -> dict[str, float]:
    """Map, and gather every result."""
    return clocked_whole(calls, lambda: step.map(range(calls)).result())


if __name__ == "__main__":
    report(**fan_out(count()))
