"""What a storage is, and the errors that all of them raise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


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
