"""Results read back from the pickles of an earlier round."""

import pickle
import tempfile

from stopwatch import clocked, count, report


def write(number: int) -> None:
    """Leave a result for later."""
    with open(f"{folder}/{number}", "wb") as file:
        pickle.dump(number, file)


def step(number: int) -> int:
    """Read it."""
    with open(f"{folder}/{number}", "rb") as file:
        return pickle.load(file)


with tempfile.TemporaryDirectory() as folder:
    clocked(count(), write)
    report(**clocked(count(), step))
