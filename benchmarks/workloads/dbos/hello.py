"""Hello world: one workflow, one step."""

from dbos import DBOS
from sqlite import configure

configure()


@DBOS.step()
def greet(name: str) -> str:
    """Say hello."""
    return f"Hello, {name}!"


@DBOS.workflow()
def hello(name: str = "world") -> None:
    """Print it."""
    print(greet(name))


if __name__ == "__main__":
    DBOS.launch()
    hello()
    DBOS.destroy()
