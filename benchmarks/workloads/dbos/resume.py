"""Take up a workflow that failed at its last step again, from that step: `fork_workflow`, until it is done."""

import time

from dbos import DBOS, SetWorkflowID
from sqlite import configure
from stopwatch import count, report

configure()
removed = []


@DBOS.step()
def step(number: int) -> int:
    """Do nothing."""
    return number


@DBOS.step()
def last() -> str:
    """Fail unless the obstacle has been removed."""
    if not removed:
        raise RuntimeError("the obstacle is still there")
    return "done"


@DBOS.workflow()
def long_run(calls: int) -> str:
    """Many steps, and one that fails."""
    for number in range(calls):
        step(number)
    return last()


if __name__ == "__main__":
    DBOS.launch()
    try:
        with SetWorkflowID("the-run"):
            long_run(count())
    except RuntimeError as error:
        removed.append(error)
    started = time.perf_counter()
    DBOS.fork_workflow("the-run", count() + 1).get_result()
    report(count=count(), seconds=time.perf_counter() - started)
    DBOS.destroy()
