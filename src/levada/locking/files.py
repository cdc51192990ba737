"""Locks for all processes that share a folder. A holder that dies, however it dies, has given its locks up.

A lock is a file, `<digest of the key>.lock`, on which its process holds the kernel's lock (flock) for as long as it has
the lock; the file says who that is. When the process ends, the kernel lets go. A lock with a `hold_timeout` may also be
taken from a process that lives: the thief puts a new file in the place of the old one, and whoever holds a file that is
no longer the one under its name has lost the lock. So every holder proves both: the kernel's lock, and the name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakSet

import msgspec

from levada.locking.manager import not_held

SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.1
"""Seconds between two looks of somebody who waits; a wait that is long becomes slow to notice, by this much at most."""


class _Holding(msgspec.Struct):
    """What a lock's file says."""

    key: str
    holder: str
    expires: float | None = None
    """Seconds since 1970; None: until it is released or the process ends."""
    pid: int = 0


class _Own:
    """A lock that this process holds: the open file with the kernel's lock on it."""

    __slots__ = ("handle", "holding")

    def __init__(self, handle: int, holding: _Holding) -> None:
        self.handle = handle
        self.holding = holding


_managers: WeakSet[FileSystemLockManager] = WeakSet()


def _forget_after_fork() -> None:
    # The child has copies of the open files; left open, they would keep the locks when the parent dies.
    for manager in list(_managers):
        manager._drop_inherited()  # noqa: SLF001 - a friend of the class, below it


os.register_at_fork(after_in_child=_forget_after_fork)


class FileSystemLockManager:
    """Locks for all processes that share a folder of a POSIX file system.

    Args:
        lock_files_directory: the folder; made when first needed.
    """

    def __init__(self, lock_files_directory: str | Path) -> None:
        self.lock_files_directory = Path(lock_files_directory).expanduser().absolute()
        self._own: dict[str, _Own] = {}
        self._mutex = Lock()
        _managers.add(self)

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock, waiting for it; see `LockManager.acquire_lock`."""
        pauses = _Pauses(acquire_timeout)
        while not self._try(key, holder, hold_timeout):
            if not pauses.wait():
                return False
        return True

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """`acquire_lock` for async code; no thread waits."""
        pauses = _Pauses(acquire_timeout)
        while not self._try(key, holder, hold_timeout):
            if not await pauses.await_():
                return False
        return True

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock up.

        Raises:
            ValueError: the holder does not have it, in this process.
        """
        with self._mutex:
            own = self._own.get(key)
            if own is None or own.holding.holder != holder or not self._still_ours(key, own):
                raise not_held(key, holder)
            del self._own[key]
            path = self._path(key)
            # The name goes first: who opened the file before sees that it is no longer the one under its name.
            if own.holding.expires is None:
                path.unlink(missing_ok=True)
            else:
                with _guard(path.parent):  # a thief may be about to put a file of its own there
                    if _same_file(own.handle, path):
                        path.unlink(missing_ok=True)
            os.close(own.handle)

    def is_locked(self, key: str) -> bool:
        """Whether anybody has the lock."""
        return self._holding(key) is not None

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder has the lock, in whatever process."""
        holding = self._holding(key)
        return holding is not None and holding.holder == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock; False when that took longer than `timeout`."""
        pauses = _Pauses(timeout)
        while self.is_locked(key):
            if not pauses.wait():
                return False
        return True

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """`wait_for_lock` for async code; no thread waits."""
        pauses = _Pauses(timeout)
        while self.is_locked(key):
            if not await pauses.await_():
                return False
        return True

    def _path(self, key: str) -> Path:
        from hashlib import sha256  # lazy: only runs with locks need it

        return self.lock_files_directory / f"{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}.lock"

    def _try(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        expires = None if hold_timeout is None else time.time() + hold_timeout
        holding = _Holding(key, holder, expires, os.getpid())
        with self._mutex:
            own = self._own.get(key)
            if own is not None and self._still_ours(key, own) and not _expired(own.holding):
                if own.holding.holder != holder:
                    return False
                if _claim(own.handle, self._path(key), holding):
                    own.holding = holding
                    return True
            if own is not None:
                del self._own[key]
                os.close(own.handle)
            handle = self._lock_file(key, holding)
            if handle is None:
                return False
            self._own[key] = _Own(handle, holding)
            return True

    def _lock_file(self, key: str, holding: _Holding) -> int | None:
        """The open file under the key's name, locked by the kernel, with our words in it; None: another has it."""
        path = self._path(key)
        for _ in range(3):  # a look of somebody else, or a release in this moment, may get in the way
            handle = _open(path)
            if _flock(handle):
                if _claim(handle, path, holding):
                    return handle
            else:
                found = _read(handle)
                if found is not None and _expired(found):
                    _take_name(handle, path)
            os.close(handle)
        return None

    def _still_ours(self, key: str, own: _Own) -> bool:
        return _same_file(own.handle, self._path(key))

    def _holding(self, key: str) -> _Holding | None:
        """Who has the lock, from the file; None when it has expired or its process is gone."""
        with self._mutex:
            own = self._own.get(key)
            if own is not None and self._still_ours(key, own):
                return None if _expired(own.holding) else own.holding
        try:
            handle = os.open(self._path(key), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _flock(handle, shared=True):
                return None
            found = _read(handle)
        finally:
            os.close(handle)
        # Between the kernel's lock and the text in the file, somebody has it who has not said so yet.
        found = found if found is not None else _Holding(key, "")
        return None if _expired(found) else found

    def _drop_inherited(self) -> None:
        self._mutex = Lock()
        for own in self._own.values():
            os.close(own.handle)
        self._own = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.lock_files_directory,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileSystemLockManager) and other.lock_files_directory == self.lock_files_directory

    def __hash__(self) -> int:
        return hash(self.lock_files_directory)

    def __repr__(self) -> str:
        return f"FileSystemLockManager(lock_files_directory={str(self.lock_files_directory)!r})"


class _Pauses:
    """Growing pauses up to a deadline."""

    __slots__ = ("deadline", "pause")

    def __init__(self, timeout: float | None) -> None:
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.pause = SHORTEST_PAUSE

    def _next(self) -> float | None:
        pause = self.pause
        self.pause = min(LONGEST_PAUSE, pause * 1.5)
        if self.deadline is None:
            return pause
        left = self.deadline - time.monotonic()
        return None if left <= 0 else min(pause, left)

    def wait(self) -> bool:
        pause = self._next()
        if pause is None:
            return False
        time.sleep(pause)
        return True

    async def await_(self) -> bool:
        import asyncio  # lazy: only async authors pay for it

        pause = self._next()
        if pause is None:
            return False
        await asyncio.sleep(pause)
        return True


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


def _flock(handle: int, *, shared: bool = False) -> bool:
    import fcntl  # lazy: POSIX only, and only runs with file locks need it

    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same_file(handle: int, path: Path) -> bool:
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    opened = os.fstat(handle)
    return (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)


@contextmanager
def _guard(folder: Path) -> Iterator[None]:
    """One at a time among all who take expired locks or give up locks that may be taken: a moment, never a wait."""
    import fcntl  # lazy: POSIX only, and only runs with file locks need it

    handle = _open(folder / ".guard")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _claim(handle: int, path: Path, holding: _Holding) -> bool:
    """Write who has the lock into a file that the kernel locked for us; False when it is not the file any more."""
    if os.fstat(handle).st_size == 0:
        _write(handle, holding)
        return _same_file(handle, path)
    # The words of a dead holder are still in it. A thief who has read that they expired may be about to replace it.
    with _guard(path.parent):
        _write(handle, holding)
        return _same_file(handle, path)


def _take_name(handle: int, path: Path) -> None:
    """Put a new file in the place of an expired one, unless somebody else has just done so."""
    with _guard(path.parent):
        found = _read(handle)
        if _same_file(handle, path) and found is not None and _expired(found):
            fresh = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
            os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            os.replace(fresh, path)


def _expired(holding: _Holding) -> bool:
    return holding.expires is not None and time.time() >= holding.expires


def _write(handle: int, holding: _Holding) -> None:
    content = msgspec.json.encode(holding)
    os.pwrite(handle, content, 0)
    os.ftruncate(handle, len(content))


def _read(handle: int) -> _Holding | None:
    try:
        return msgspec.json.decode(os.pread(handle, 65536, 0), type=_Holding)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None  # being written in this moment, or torn by a death
