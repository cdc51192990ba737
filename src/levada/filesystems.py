"""Places where bytes are kept under a path: the seam behind result storage and code storage.

A *storage* is any object with `read_path(path)` and `write_path(path, content)`, as plain functions or as coroutines.
What it can do besides (`exists`, `read_head`, `delete`) is used when it is there; `levada.results` falls back on
reading when it is not. `LocalFileSystem` has all of it and writes atomically: a reader sees the old bytes or the new
ones, never half, and never a file outside its folder.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from typing import Any

from levada.core.errors import ConfigurationError

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

IGNORE_FILES = (".levadaignore", ".prefectignore")
"""Names of files whose patterns `LocalFileSystem` leaves out when it copies its folder; the first found counts."""

_temporary = count()


class PathNotFoundError(FileNotFoundError, ValueError):
    """Nothing is stored under this path."""


class OutsideBasePathError(ValueError):
    """The path leads out of the storage's folder."""


class ReadableFileSystem(ABC):
    """A storage that can be read."""

    @abstractmethod
    def read_path(self, path: str) -> Any:
        """The bytes under a path (or an awaitable of them)."""


class WritableFileSystem(ReadableFileSystem):
    """A storage that can be read and written."""

    @abstractmethod
    def write_path(self, path: str, content: bytes) -> Any:
        """Put bytes under a path (or return an awaitable that does)."""


class ReadableDeploymentStorage(ABC):
    """A storage from which a folder of code can be fetched."""

    @abstractmethod
    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> Any:
        """Copy a stored folder to this machine."""


class WritableDeploymentStorage(ReadableDeploymentStorage):
    """A storage to which a folder of code can be sent."""

    @abstractmethod
    def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> Any:
        """Copy a folder of this machine to the storage."""


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
        _copy_tree(source, Path(local_path or ".").absolute(), _ignored_by(source, None))

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
        _copy_tree(source, self.resolve(to_path or ""), _ignored_by(source, ignore_file))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalFileSystem) and other._root == self._root

    def __hash__(self) -> int:
        return hash(self._root)

    def __repr__(self) -> str:
        return f"LocalFileSystem(basepath={str(self._root)!r})"


def _ignored_by(folder: Path, ignore_file: str | None) -> Callable[[str], bool]:
    """Whether a path relative to the folder is to be left out, after the patterns of its ignore file."""
    files = [Path(ignore_file)] if ignore_file else [folder / name for name in IGNORE_FILES]
    found = next((file for file in files if file.is_file()), None)
    lines = found.read_text(encoding="utf-8").splitlines() if found else []
    patterns = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]

    def ignored(relative: str) -> bool:
        # As in .gitignore, the last pattern that matches decides, and `!` takes back what an earlier one left out.
        verdict = False
        for pattern in patterns:
            keep = pattern.startswith("!")
            if _matches(relative, pattern.lstrip("!")):
                verdict = not keep
        return verdict

    return ignored


def _matches(relative: str, pattern: str) -> bool:
    anchored = "/" in pattern.rstrip("/")
    pattern = pattern.strip("/")
    parts = relative.split("/")
    candidates = ["/".join(parts[: i + 1]) for i in range(len(parts))] if anchored else parts
    return any(fnmatch(candidate, pattern) for candidate in candidates)


def _files_below(folder: Path, ignored: Callable[[str], bool]) -> Iterator[Path]:
    for entry in sorted(folder.rglob("*")):
        if entry.is_file() and not ignored(entry.relative_to(folder).as_posix()):
            yield entry


def _copy_tree(source: Path, target: Path, ignored: Callable[[str], bool]) -> None:
    import shutil  # lazy: only the copying of code needs it

    # The list is made first: the target may lie inside the source.
    for file in list(_files_below(source, ignored)):
        destination = target / file.relative_to(source)
        if destination == file:
            continue
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, destination)


async def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    import asyncio  # lazy: only async authors pay for it

    return await asyncio.to_thread(function, *args)


class MemoryFileSystem(WritableFileSystem):
    """A storage in the memory of this process, for tests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read_path(self, path: str) -> bytes:
        """The bytes under a path."""
        return self.read_head(path, -1)

    def read_head(self, path: str, size: int) -> bytes:
        """The first `size` bytes under a path, or all when `size` is negative."""
        try:
            content = self.files[str(path)]
        except KeyError:
            raise PathNotFoundError(f"Path {path} does not exist.") from None
        return content if size < 0 else content[:size]

    def write_path(self, path: str, content: bytes) -> str:
        """Keep bytes under a path."""
        self.files[str(path)] = bytes(content)
        return str(path)

    def exists(self, path: str) -> bool:
        """Whether something is kept under the path."""
        return str(path) in self.files

    def delete(self, path: str) -> None:
        """Forget what is under the path, if anything."""
        self.files.pop(str(path), None)


class NullFileSystem(WritableFileSystem, WritableDeploymentStorage):
    """A storage that keeps nothing: for runs whose results are not wanted anywhere."""

    def read_path(self, path: str) -> bytes:
        """Raises PathNotFoundError: nothing is ever here."""
        raise PathNotFoundError(f"Path {path} does not exist: this storage keeps nothing.")

    def write_path(self, path: str, content: bytes) -> None:
        """Drop the bytes."""

    def exists(self, path: str) -> bool:
        """False."""
        return False

    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy nothing."""

    def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> None:
        """Copy nothing."""


class RemoteFileSystem(WritableFileSystem, WritableDeploymentStorage):
    """A folder on anything that fsspec reaches: object stores, SFTP, HTTP, archives.

    Args:
        basepath: an URL with a scheme, such as ``s3://bucket/results``.
        settings: options for fsspec's file system of that scheme.

    Raises:
        ConfigurationError: `basepath` has no scheme (at construction), or fsspec is not installed (at first use).
    """

    def __init__(self, basepath: str, settings: dict[str, Any] | None = None) -> None:
        scheme, mark, rest = str(basepath).partition("://")
        if not mark or not scheme:
            raise ConfigurationError(
                f"Base path must start with a scheme such as s3:// or memory://, got {str(basepath)!r}."
            )
        if not rest:
            raise ConfigurationError(f"Base path must name a location after {scheme}://, got {str(basepath)!r}.")
        if scheme == "file":
            raise ConfigurationError("Base path scheme cannot be 'file'. Use `LocalFileSystem` instead.")
        self.basepath = str(basepath).rstrip("/")
        self.settings = dict(settings or {})
        self._made: Any = None

    @property
    def filesystem(self) -> Any:
        """The fsspec file system behind it."""
        if self._made is None:
            try:
                import fsspec  # lazy: an extra, and only for storages beyond this machine
            except ImportError as error:
                raise ConfigurationError(
                    f"{self.basepath} is reached through fsspec: install fsspec and the package of its scheme."
                ) from error
            self._made = fsspec.filesystem(self.basepath.partition("://")[0], **self.settings)
        return self._made

    def resolve(self, path: str = "") -> str:
        """The full address of a path.

        Raises:
            OutsideBasePathError: the path leads out of the base path.
        """
        text = str(path).removeprefix(self.basepath)
        parts = [part for part in text.split("/") if part not in {"", "."}]
        if ".." in parts or "://" in text:
            raise OutsideBasePathError(f"Provided path {path} is outside of the base path {self.basepath}.")
        return "/".join([self.basepath, *parts])

    def read_path(self, path: str) -> bytes:
        """The bytes under a path."""
        try:
            return bytes(self.filesystem.cat_file(self.resolve(path)))
        except FileNotFoundError:
            raise PathNotFoundError(f"Path {self.resolve(path)} does not exist.") from None

    def read_head(self, path: str, size: int) -> bytes:
        """The first `size` bytes under a path, or all when `size` is negative."""
        if size < 0:
            return self.read_path(path)
        try:
            return bytes(self.filesystem.cat_file(self.resolve(path), start=0, end=size))
        except FileNotFoundError:
            raise PathNotFoundError(f"Path {self.resolve(path)} does not exist.") from None

    def write_path(self, path: str, content: bytes) -> str:
        """Put bytes under a path; returns its address."""
        address = self.resolve(path)
        self.filesystem.makedirs(address.rpartition("/")[0], exist_ok=True)
        self.filesystem.pipe_file(address, bytes(content))
        return address

    def exists(self, path: str) -> bool:
        """Whether something is stored under the path."""
        return bool(self.filesystem.exists(self.resolve(path)))

    def delete(self, path: str) -> None:
        """Remove what is under the path, if anything."""
        address = self.resolve(path)
        if self.filesystem.exists(address):
            self.filesystem.rm_file(address)

    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a stored folder to this machine."""
        self.filesystem.get(
            self.resolve(from_path or "") + "/", str(Path(local_path or ".").absolute()), recursive=True
        )

    def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> int:
        """Copy a folder of this machine to the storage; returns the number of files."""
        source = Path(local_path or ".").absolute()
        files = list(_files_below(source, _ignored_by(source, ignore_file)))
        for file in files:
            self.write_path("/".join(filter(None, [to_path, file.relative_to(source).as_posix()])), file.read_bytes())
        return len(files)

    def __repr__(self) -> str:
        return f"RemoteFileSystem(basepath={self.basepath!r})"


class SMB(RemoteFileSystem):
    """A Windows file share, through fsspec's `smb` (package smbprotocol).

    Args:
        share_path: share and folder, such as ``/SHARE/folder``.
        smb_host: name or address of the server.
        smb_username, smb_password: the account, if one is needed.
        smb_port: port of the server.
    """

    def __init__(
        self,
        share_path: str,
        smb_host: str,
        smb_username: str | None = None,
        smb_password: str | None = None,
        smb_port: int | None = None,
    ) -> None:
        given = {"host": smb_host, "username": smb_username, "password": smb_password, "port": smb_port}
        super().__init__(
            f"smb://{smb_host}/{share_path.strip('/')}",
            {name: value for name, value in given.items() if value is not None},
        )
