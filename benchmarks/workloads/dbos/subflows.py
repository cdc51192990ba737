"""Empty child workflows called one after the other by a workflow."""

from dbos import DBOS
from sqlite import configure
from stopwatch import clocked, count, report

configure()


@DBOS.workflow()
def child(number: int) -> int:
    """Do nothing."""
    return number


@DBOS.workflow()
def parent(calls: int) -> dict[str, float]:
    """Call it again and again."""
    return clocked(calls, child)


if __name__ == "__main__":
    DBOS.launch()
    report(**parent(count()))
    DBOS.destroy()
