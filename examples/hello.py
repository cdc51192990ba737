"""The smallest flow: run it with `python hello.py`."""

from levada import flow, task


@task
def say_hello(name: str) -> None:
    """Greet somebody."""
    print(f"Hello, {name}!")


@flow
def hello_flow() -> None:
    """Greet the world."""
    say_hello("World")


if __name__ == "__main__":
    hello_flow()
