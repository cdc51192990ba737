"""Run names from parameters, so that many similar runs can be told apart."""

import datetime

from levada import flow, task


@task(task_run_name="process-{item}")
def process_item(item: str) -> int:
    """Process one thing."""
    return len(item)


@flow(flow_run_name="{customer}-on-{date:%A}")
def nightly(customer: str, date: datetime.date) -> int:
    """Process what a customer has."""
    return sum(process_item(item) for item in ("alpha", "beta", "gamma"))


if __name__ == "__main__":
    print(nightly("acme", datetime.date(2026, 11, 22)))
