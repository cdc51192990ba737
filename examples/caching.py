"""Caching: a result is computed once an hour for each input."""

from datetime import timedelta

from levada import flow, task
from levada.cache_policies import INPUTS
from levada.tasks import task_input_hash


@task(cache_key_fn=task_input_hash, cache_expiration=timedelta(hours=1))
def expensive_computation(x: int) -> int:
    """Cached for an hour, by code and input."""
    print(f"computing {x}")
    return x**2


@task(cache_policy=INPUTS - "verbose")
def lookup(city: str, verbose: bool = False) -> str:
    """Cached by its inputs, of which one does not count."""
    if verbose:
        print(f"looking {city} up")
    return city.upper()


@flow(log_prints=True)
def cached_flow(x: int = 7) -> list[str]:
    """Call everything twice and say how each call ended."""
    states = [
        expensive_computation(x, return_state=True),
        expensive_computation(x, return_state=True),
        lookup("funchal", return_state=True),
        lookup("funchal", verbose=True, return_state=True),
    ]
    return [state.name for state in states]


if __name__ == "__main__":
    print(cached_flow())
