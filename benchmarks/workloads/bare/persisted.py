"""Calls whose results are pickled, each into a file of its own that appears at once."""

import os
import pickle
import tempfile

from stopwatch import clocked, count, report


def step(number: int) -> None:
    """Write the result beside its place, then move it there."""
    path = f"{folder}/{number}"
    with open(path + ".part", "wb") as file:
        pickle.dump(number, file)
    os.rename(path + ".part", path)


with tempfile.TemporaryDirectory() as folder:
    report(**clocked(count(), step))
