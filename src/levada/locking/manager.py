"""The seam for locks, and the isolation levels that ask for them."""

from __future__ import annotations

import enum
from typing import Protocol, runtime_checkable


class IsolationLevel(enum.Enum):
    """What transactions on the same key see of each other."""

    READ_COMMITTED = "READ_COMMITTED"
    """Committed results only; two may compute the same key at once, and the last one's result stays."""
    SERIALIZABLE = "SERIALIZABLE"
    """One at a time: the others wait, and then find the result."""

    def __str__(self) -> str:
        return self.value


@runtime_checkable
class LockManager(Protocol):
    """Keeps locks on keys. All times are seconds."""

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock, waiting for it.

        Args:
            key: what is locked.
            holder: who takes it. Who has it already gets it at once.
            acquire_timeout: wait no longer than this; None waits for ever, 0 not at all.
            hold_timeout: the lock is given up after this time; None keeps it until it is released or its process ends.

        Returns:
            Whether the holder has the lock.
        """
        ...

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """`acquire_lock` for async code."""
        ...

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock up.

        Raises:
            ValueError: the holder does not have it.
        """
        ...

    def is_locked(self, key: str) -> bool:
        """Whether anybody has the lock."""
        ...

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder has the lock."""
        ...

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock; False when that took longer than `timeout`."""
        ...

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """`wait_for_lock` for async code."""
        ...


def not_held(key: str, holder: str) -> ValueError:
    """The error for a release by somebody who does not have the lock."""
    return ValueError(f"No lock held by {holder} for transaction with key {key}")
