"""Places where bytes are kept under a path: the seam behind result storage and code storage.

A *storage* is any object with `read_path(path)` and `write_path(path, content)`, as plain functions or as coroutines.
What it can do besides (`exists`, `read_head`, `delete`) is used when it is there; `levada.results` falls back on
reading when it is not. `LocalFileSystem` has all of it and writes atomically: a reader sees the old bytes or the new
ones, never half, and never a file outside its folder.

May import core. Storages beyond this machine need an extra package, which is imported when first used.
"""

from __future__ import annotations

from levada.filesystems.local import LocalFileSystem, write_atomically
from levada.filesystems.memory import MemoryFileSystem, NullFileSystem
from levada.filesystems.remote import SMB, RemoteFileSystem
from levada.filesystems.seam import (
    OutsideBasePathError,
    PathNotFoundError,
    ReadableDeploymentStorage,
    ReadableFileSystem,
    WritableDeploymentStorage,
    WritableFileSystem,
)

__all__ = [
    "SMB",
    "LocalFileSystem",
    "MemoryFileSystem",
    "NullFileSystem",
    "OutsideBasePathError",
    "PathNotFoundError",
    "ReadableDeploymentStorage",
    "ReadableFileSystem",
    "RemoteFileSystem",
    "WritableDeploymentStorage",
    "WritableFileSystem",
    "write_atomically",
]
