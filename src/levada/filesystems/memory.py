"""Storages without files: one that keeps everything in memory, and one that keeps nothing."""

from __future__ import annotations

from levada.filesystems.seam import PathNotFoundError, WritableDeploymentStorage, WritableFileSystem


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
