"""Who wants to know what tasks do while they do it: progress bars. Costs nothing when nobody does."""

from __future__ import annotations

from typing import Protocol

from levada.core.states import State


class Observer(Protocol):
    """Told about submitted work."""

    def on_submitted(self, task: str, total: int | None) -> None:
        """A task was submitted, or mapped over `total` items."""
        ...

    def on_finished(self, task: str, state: State) -> None:
        """A run of the task has ended."""
        ...


active: list[Observer] = []
"""Everybody who is told; hot paths look whether it is empty."""


def submitted(task: str, total: int | None) -> None:
    """Tell that a task was submitted, or mapped."""
    for observer in active:
        observer.on_submitted(task, total)


def finished(task: str, state: State) -> None:
    """Tell that a task run has ended."""
    for observer in active:
        observer.on_finished(task, state)
