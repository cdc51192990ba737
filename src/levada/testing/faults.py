"""Making the world fail at a named point; `levada.core.faults.POINTS` lists them.

`fault` does so inside this process. A process that a test starts is armed through its environment: with
``LEVADA_FAULT=journal.after_append:7`` it dies as by ``kill -9`` after the seventh record it writes, with
``LEVADA_FAULT=results.before_write:1:raise`` the first result cannot be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from levada.core import faults
from levada.core.faults import InjectedFault


@contextmanager
def fault(name: str, action: Callable[[], None] | None = None, *, at: int = 1) -> Iterator[list[int]]:
    """Do something at the `at`-th passage through a fault point, inside the block.

    Args:
        name: of the point.
        action: what to do; raise `InjectedFault` by default.
        at: which passage, from 1; 0 for every one.

    Yields:
        A list with the number of passages so far as its only element.

    Raises:
        KeyError: there is no such point.
    """
    passages = [0]

    def pass_by() -> None:
        passages[0] += 1
        if at in (0, passages[0]):
            if action is None:
                raise InjectedFault(f"A test made {name!r} fail.")
            action()

    faults.arm(name, pass_by)
    try:
        yield passages
    finally:
        faults.disarm(name)


__all__ = ["InjectedFault", "fault"]
