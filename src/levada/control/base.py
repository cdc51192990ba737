"""What the parts of a control plane share: a home, a store, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from levada.journal import WriterDirectory
from levada.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from levada.store.base import Store

DATABASE = "levada.db"
"""The store's file in a home."""


class PlanePart:
    """A part of the control plane: verbs on one store.

    Args:
        home: the Levada home; its `journal` folder is drained, its `levada.db` is the store unless one is given.
        store: another store to use.
        now_us: microseconds since 1970; the real clock unless given.
    """

    def __init__(self, home: Path, store: Store | None = None, now_us: Callable[[], int] | None = None) -> None:
        self.home = home
        self._store = store
        self._given_clock = now_us
        self._now_us = now_us or (lambda: time.time_ns() // 1000)

    @property
    def store(self) -> Store:
        """The rows; opened when first asked for."""
        if self._store is None:
            self._store = SqliteStore(self.home / DATABASE)
        return self._store

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"embedded, on {self.home}"

    def is_live(self, writer: bytes) -> bool:
        """Whether the process that writes a journal lives on this machine."""
        return WriterDirectory(self.home, writer).is_live()

    def lives_here(self, writer: bytes) -> bool | None:
        """Whether the process that writes a journal lives on this machine; None when there is no such journal here."""
        directory = WriterDirectory(self.home, writer)
        return directory.is_live() if directory.paths else None
