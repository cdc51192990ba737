"""Tasks whose results are kept in result storage."""

from prefect import flow, task
from stopwatch import clocked, count, report


@task(persist_result=True)
def step(number: int) -> int:
    """Do nothing."""
    return number


@flow
def sequence(calls: int) -> dict[str, float]:
    """Call it again and again."""
    return clocked(calls, step)


if __name__ == "__main__":
    report(**sequence(count()))
