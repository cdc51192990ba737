"""The words of transactions: modes, states, hooks, and the errors of hooks that undo."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

Hook = Callable[[Any], Any]
"""What runs when a transaction commits or rolls back; it is given the transaction, and may be a coroutine function."""


class CommitMode(enum.Enum):
    """When a transaction commits by itself."""

    EAGER = "EAGER"
    """At the end of its own block."""
    LAZY = "LAZY"
    """When the outermost transaction does (the default)."""
    OFF = "OFF"
    """Never: it rolls back at the end of its block unless the author committed it."""

    def __str__(self) -> str:
        return self.value


class TransactionState(enum.Enum):
    """How far a transaction is."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"

    def __str__(self) -> str:
        return self.value


def name_of(hook: Hook) -> str:
    """What logs call a hook."""
    return str(getattr(hook, "__name__", None) or type(hook).__name__)


class Failures:
    """Errors of rollback hooks, told when all hooks have run."""

    __slots__ = ("cause", "found")

    def __init__(self, cause: BaseException | None) -> None:
        self.cause = cause
        self.found: list[BaseException] = []

    def add(self, transaction: object, hook: Hook, failure: BaseException) -> None:
        """Remember the error of one hook."""
        failure.add_note(f"Raised by the rollback hook {name_of(hook)!r} of {transaction!r}")
        self.found.append(failure)

    def tell(self) -> None:
        """Note the errors on the one that is under way, or raise them; an interrupt is raised in any case."""
        interrupts = [failure for failure in self.found if not isinstance(failure, Exception)]
        if interrupts:
            raise interrupts[0]
        if self.cause is not None:
            for failure in self.found:
                self.cause.add_note(f"While rolling back: {type(failure).__name__}: {failure}")
        elif len(self.found) == 1:
            raise self.found[0]
        elif self.found:
            raise BaseExceptionGroup("Several rollback hooks failed", self.found)
