"""Retries: by number, with backoff, and by the kind of failure."""

from collections import Counter

from levada import fail, flow, on, task
from levada.tasks import exponential_backoff

attempts: Counter[str] = Counter()


class ServiceBusyError(Exception):
    """The service asks us to come back later."""


class BadCredentialsError(Exception):
    """Trying again will not help."""


@task(retries=3, retry_delay_seconds=exponential_backoff(0.05), retry_jitter_factor=0.5)
def unreliable_api_call() -> str:
    """Works the third time."""
    attempts["api"] += 1
    if attempts["api"] < 3:
        raise ConnectionError("the line went dead")
    return "payload"


@task(retry=[on(BadCredentialsError, fail), on(ServiceBusyError, after=0.05, limit=5)], retries=5)
def picky_call(problem: type[Exception] | None) -> str:
    """Fails once with the given problem; the rules decide whether it is worth another attempt."""
    attempts["picky"] += 1
    if problem is not None and attempts["picky"] % 2 == 1:
        raise problem
    return "ok"


@flow
def resilient() -> list[str]:
    """Two calls that are retried, and one that is not, and says why."""
    results = [unreliable_api_call(), picky_call(ServiceBusyError)]
    refused = picky_call(BadCredentialsError, return_state=True)
    results.append(f"{refused.name}: {refused.state_details.reason}")
    return results


if __name__ == "__main__":
    for line in resilient():
        print(line)
