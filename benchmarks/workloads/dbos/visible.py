"""How soon, and in how many bytes, the steps of a finished workflow can be listed."""

import sqlite3
import time

from dbos import DBOS, SetWorkflowID
from sqlite import PATH, configure
from stopwatch import clocked, count, report

configure()


@DBOS.step()
def step(number: int) -> int:
    """Do nothing."""
    return number


@DBOS.workflow()
def sequence(calls: int) -> None:
    """Call it again and again."""
    clocked(calls, step)


def stored_bytes() -> int:
    """All pages of the database together."""
    with sqlite3.connect(PATH) as database:
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        return pages * database.execute("PRAGMA page_size").fetchone()[0]


if __name__ == "__main__":
    DBOS.launch()
    before = stored_bytes()
    with SetWorkflowID("the-run"):
        sequence(count())
    started = time.perf_counter()
    records = len(DBOS.list_workflow_steps("the-run"))
    seconds = time.perf_counter() - started
    report(count=count(), seconds=seconds, bytes=(stored_bytes() - before) / count(), records=records)
    DBOS.destroy()
