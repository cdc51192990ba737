"""The locks of a `ResultStore`: who may compute the result of a key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from levada.core.errors import ConfigurationError
from levada.locking import IsolationLevel

if TYPE_CHECKING:
    from levada.locking import LockManager


class StoreLocks:
    """What a store does with its lock manager.

    Attributes:
        lock_manager: who keeps the locks, or None.
    """

    lock_manager: LockManager | None

    def _locks(self) -> LockManager:
        if self.lock_manager is None:
            raise ConfigurationError(
                "Result store is not configured with a lock manager. "
                "Please set a lock manager when creating the result store to enable locking."
            )
        return self.lock_manager

    def supports_isolation_level(self, level: IsolationLevel) -> bool:
        """Whether transactions of this level can use the store: SERIALIZABLE needs a lock manager."""
        if level == IsolationLevel.READ_COMMITTED:
            return True
        if level == IsolationLevel.SERIALIZABLE:
            return self.lock_manager is not None
        raise ValueError(f"Unsupported isolation level: {level}")

    @staticmethod
    def generate_default_holder() -> str:
        """Who this thread is, across machines: host, process and thread."""
        from socket import gethostname  # lazy: only runs with locks need it
        from threading import current_thread  # lazy: as above

        thread = current_thread()
        return f"{gethostname()}:{os.getpid()}:{thread.ident}:{thread.name}"

    def acquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Wait for the lock on a key; False when `timeout` seconds were not enough."""
        return self._locks().acquire_lock(key, holder or self.generate_default_holder(), timeout)

    async def aacquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """`acquire_lock` for async code."""
        return await self._locks().aacquire_lock(key, holder or self.generate_default_holder(), timeout)

    def release_lock(self, key: str, holder: str | None = None) -> None:
        """Give a lock back.

        Raises:
            ValueError: the holder does not hold it.
        """
        self._locks().release_lock(key, holder or self.generate_default_holder())

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds the lock on a key."""
        return self._locks().is_locked(key)

    def is_lock_holder(self, key: str, holder: str | None = None) -> bool:
        """Whether the holder holds the lock on a key."""
        return self._locks().is_lock_holder(key, holder or self.generate_default_holder())

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock; False when `timeout` seconds were not enough."""
        return self._locks().wait_for_lock(key, timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """`wait_for_lock` for async code."""
        return await self._locks().await_for_lock(key, timeout)

    def refuse_foreign_lock(self, key: str, holder: str | None) -> None:
        """Raise RuntimeError when somebody but the holder has the lock on a key: writing would undo their work."""
        if self.lock_manager is not None and self.lock_manager.is_locked(key):
            holder = holder or self.generate_default_holder()
            if not self.lock_manager.is_lock_holder(key, holder):
                raise RuntimeError(
                    f"Cannot write to result record with key {key} because it is locked by another holder."
                )

    def _wait_for_others(self, key: str, holder: str | None) -> None:
        if self.lock_manager is not None and not self.is_lock_holder(key, holder):
            self.lock_manager.wait_for_lock(key)

    async def _await_others(self, key: str, holder: str | None) -> None:
        if self.lock_manager is not None and not self.is_lock_holder(key, holder):
            await self.lock_manager.await_for_lock(key)
