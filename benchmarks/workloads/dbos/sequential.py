"""Steps called one after the other in one workflow."""

from dbos import DBOS
from sqlite import configure
from stopwatch import clocked, count, report

configure()


@DBOS.step()
def step(number: int) -> int:
    """Do nothing."""
    return number


@DBOS.workflow()
def sequence(calls: int) -> dict[str, float]:
    """Call it again and again."""
    return clocked(calls, step)


if __name__ == "__main__":
    DBOS.launch()
    report(**sequence(count()))
    DBOS.destroy()
