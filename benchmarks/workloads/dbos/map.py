"""Workflows started all at once, in DBOS the way to do many things side by side."""

from dbos import DBOS
from sqlite import configure
from stopwatch import clocked_whole, count, report

configure()


@DBOS.workflow()
def step(number: int) -> int:
    """Do nothing."""
    return number


@DBOS.workflow()
def fan_out(calls: int) -> dict[str, float]:
    """Start all, and gather every result."""
    return clocked_whole(calls, lambda: [handle.get_result() for handle in start_all(calls)])


def start_all(calls: int) -> list:
    """A handle for each call."""
    return [DBOS.start_workflow(step, number) for number in range(calls)]


if __name__ == "__main__":
    DBOS.launch()
    report(**fan_out(count()))
    DBOS.destroy()
