"""Tasks whose results are kept in result storage."""

from stopwatch import clocked, count, report

from levada import flow, task


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
