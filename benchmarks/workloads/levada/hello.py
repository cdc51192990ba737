"""Hello world: one flow, one task."""

from levada import flow, task


@task
def greet(name: str) -> str:
    """Say hello."""
    return f"Hello, {name}!"


@flow(log_prints=True)
def hello(name: str = "world") -> None:
    """Print it."""
    print(greet(name))


if __name__ == "__main__":
    hello()
