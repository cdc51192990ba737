"""The second of two runs of one flow whose tasks are cached by their inputs."""

from stopwatch import clocked, count, report

from levada import flow, task
from levada.cache_policies import INPUTS

executed = []


@task(cache_policy=INPUTS, persist_result=True)
def step(number: int) -> int:
    """Note that it was really executed."""
    executed.append(number)
    return number


@flow
def sequence(calls: int) -> dict[str, float]:
    """Call it again and again."""
    return clocked(calls, step)


if __name__ == "__main__":
    sequence(count())
    second = sequence(count())
    if len(executed) != count():
        raise SystemExit(f"{len(executed)} executions; the second run did not come from the cache")
    report(**second)
