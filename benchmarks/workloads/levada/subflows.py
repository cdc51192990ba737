"""Empty flows called one after the other by a flow."""

from stopwatch import clocked, count, report

from levada import flow


@flow
def child(number: int) -> int:
    """Do nothing."""
    return number


@flow
def parent(calls: int) -> dict[str, float]:
    """Call it again and again."""
    return clocked(calls, child)


if __name__ == "__main__":
    report(**parent(count()))
