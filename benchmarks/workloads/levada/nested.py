"""Tasks that call ten tasks each."""

from stopwatch import clocked, count, report

from levada import flow, task


@task
def inner(number: int) -> int:
    """Do nothing."""
    return number


@task
def outer(number: int) -> int:
    """Call ten."""
    return sum(inner(number) for _ in range(10))


@flow
def nest(calls: int) -> dict[str, float]:
    """Call the outer one again and again."""
    return clocked(calls, outer)


if __name__ == "__main__":
    report(**nest(count()))
