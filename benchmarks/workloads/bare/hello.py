"""Hello world as a plain program."""


def greet(name: str) -> str:
    """Say hello."""
    return f"Hello, {name}!"


print(greet("world"))
