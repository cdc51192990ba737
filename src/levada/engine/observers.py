"""Who is told of submitted work: progress bars, and whoever else wants to watch from inside the process.

The engine tests `active` before it calls, so that nobody watching costs nothing. Observers are called from whichever
thread the work ends in; they must be quick and must not raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from levada.core.states import State


class Observer(Protocol):
    """Watches submitted work."""

    def on_submitted(self, task: str, total: int | None) -> None:
        """Work was handed to a task runner.

        Args:
            task: name of the task.
            total: how many calls a map is about to submit, told once before the first of them; None for each call
                that is submitted.
        """
        ...

    def on_finished(self, task: str, state: State) -> None:
        """A call of a task ended, submitted or not.

        Args:
            task: name of the task.
            state: the final state.
        """
        ...


active: list[Observer] = []
"""Those who watch; add and remove with `add` and `remove`."""


def add(observer: Observer) -> None:
    """Let somebody watch from now on."""
    if observer not in active:
        active.append(observer)


def remove(observer: Observer) -> None:
    """Let somebody watch no more."""
    if observer in active:
        active.remove(observer)


def submitted(task: str, total: int | None) -> None:
    """Tell everybody of submitted work."""
    for observer in tuple(active):
        observer.on_submitted(task, total)


def finished(task: str, state: State) -> None:
    """Tell everybody that a call ended."""
    for observer in tuple(active):
        observer.on_finished(task, state)
