"""Folders of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from levada.filesystems.folders import copy_tree, ignored_by
from levada.filesystems.seam import (
    OutsideBasePathError,
    PathNotFoundError,
    WritableDeploymentStorage,
    WritableFileSystem,
)

_temporary = count()


def write_atomically(path: Path, parts: tuple[bytes, ...], *, durable: bool = False) -> None:
    """Write a file so that readers, and a crash at any moment, see all of it or nothing.

    Args:
        path: where; missing folders are made.
        parts: the content, in pieces that need not be joined first.
        durable: also survive a loss of power (fsync of the file and its folder).
    """
    temporary = path.parent / f".tmp-{os.getpid()}-{next(_temporary)}-{os.urandom(4).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        handle = os.open(temporary, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, flags, 0o666)
    try:
        try:
            for part in parts:
                _write_all(handle, part)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def _write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class LocalFileSystem(WritableFileSystem, WritableDeploymentStorage):
    """A folder of this machine (or a mounted one).

    Args:
        basepath: the folder; the working directory when not given. It is made when first written to.
        durable: whether writes survive a loss of power, and not only the death of the process.
    """

    def __init__(self, basepath: str | Path | None = None, *, durable: bool = False) -> None:
        self.basepath = None if basepath is None else str(Path(basepath).expanduser())
        self.durable = durable
        self._root = Path(self.basepath or ".").absolute()
        # A path is proved inside by resolving links, which costs a look at every folder on the way. The results of
        # one run go into few folders, so each is proved once.
        self._proved: set[str] = set()

    def resolve(self, path: str | Path = "") -> Path:
        """The absolute path that `path`, relative to the folder or absolute inside it, stands for.

        Raises:
            OutsideBasePathError: the path, or a link in it, leads out of the folder.
        """
        target = self._root / path
        folder = os.path.dirname(target)
        if ".." in target.parts or folder not in self._proved or target.is_symlink():
            root = self._root.resolve()
            if not target.resolve().is_relative_to(root):
                raise OutsideBasePathError(f"Provided path {path} is outside of the base path {self._root}.")
            if ".." in target.parts:
                return target.resolve()
            if os.path.isdir(folder):
                self._proved.add(folder)
        return target

    def read_path(self, path: str | Path) -> bytes:
        """The bytes of a file.

        Raises:
            PathNotFoundError: there is no such file.
            OutsideBasePathError: the path leads out of the folder.
        """
        return self.read_head(path, -1)

    def read_head(self, path: str | Path, size: int) -> bytes:
        """The first `size` bytes of a file, or all of it when `size` is negative."""
        target = self.resolve(path)
        try:
            with open(target, "rb", buffering=0) as file:
                return file.read() if size < 0 else file.read(size)
        except (FileNotFoundError, NotADirectoryError):
            raise PathNotFoundError(f"Path {target} does not exist.") from None
        except IsADirectoryError:
            raise PathNotFoundError(f"Path {target} is not a file.") from None

    def write_path(self, path: str | Path, content: bytes) -> str:
        """Write a file, atomically; returns its absolute path."""
        return self.write_parts(path, (content,))

    def write_parts(self, path: str | Path, parts: tuple[bytes, ...]) -> str:
        """`write_path` of a content in pieces, which are not joined in memory first."""
        target = self.resolve(path)
        write_atomically(target, parts, durable=self.durable)
        return str(target)

    def exists(self, path: str | Path) -> bool:
        """Whether there is such a file."""
        return self.resolve(path).is_file()

    def delete(self, path: str | Path) -> None:
        """Remove a file, if it is there."""
        self.resolve(path).unlink(missing_ok=True)

    async def aread_path(self, path: str | Path) -> bytes:
        """`read_path` in a thread."""
        content: bytes = await _in_thread(self.read_path, path)
        return content

    async def awrite_path(self, path: str | Path, content: bytes) -> str:
        """`write_path` in a thread."""
        written: str = await _in_thread(self.write_path, path, content)
        return written

    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a folder of the storage (all of it by default) to `local_path` (default: the working directory)."""
        source = self.resolve(from_path or "")
        if not source.is_dir():
            raise PathNotFoundError(f"Path {source} is not a folder.")
        copy_tree(source, Path(local_path or ".").absolute(), ignored_by(source, None))

    def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> None:
        """Copy a folder (default: the working directory) into the storage.

        Args:
            local_path: the folder to copy.
            to_path: where in the storage; its root by default.
            ignore_file: a file of patterns to leave out, one a line as in .gitignore; by default a `.levadaignore`
                (or `.prefectignore`) in the folder.
        """
        source = Path(local_path or ".").absolute()
        copy_tree(source, self.resolve(to_path or ""), ignored_by(source, ignore_file))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalFileSystem) and other._root == self._root

    def __hash__(self) -> int:
        return hash(self._root)

    def __repr__(self) -> str:
        return f"LocalFileSystem(basepath={str(self._root)!r})"


async def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    import asyncio  # lazy: only async authors pay for it

    return await asyncio.to_thread(function, *args)
