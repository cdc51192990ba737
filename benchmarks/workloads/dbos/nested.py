"""Child workflows of ten steps each: a DBOS step that calls a step records only itself."""

from dbos import DBOS
from sqlite import configure
from stopwatch import clocked, count, report

configure()


@DBOS.step()
def inner(number: int) -> int:
    """Do nothing."""
    return number


@DBOS.workflow()
def outer(number: int) -> int:
    """Call ten."""
    return sum(inner(number) for _ in range(10))


@DBOS.workflow()
def nest(calls: int) -> dict[str, float]:
    """Call the outer one again and again."""
    return clocked(calls, outer)


if __name__ == "__main__":
    DBOS.launch()
    report(**nest(count()))
    DBOS.destroy()
