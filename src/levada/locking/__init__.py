"""Locks on keys: who may compute a cached result while others wait for it.

`LockManager` is the seam. A lock has a *holder*, a text that says who it is; the same holder may take a lock again.
`MemoryLockManager` serves the threads and coroutines of one process, `FileSystemLockManager` the processes that share
a folder; a holder that dies gives its locks up in both. May import core.
"""

from __future__ import annotations

from levada.locking.files import FileSystemLockManager
from levada.locking.manager import IsolationLevel, LockManager
from levada.locking.memory import MemoryLockManager

__all__ = ["FileSystemLockManager", "IsolationLevel", "LockManager", "MemoryLockManager"]
