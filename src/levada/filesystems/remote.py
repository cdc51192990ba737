"""Storages beyond this machine, through fsspec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from levada.core.errors import ConfigurationError
from levada.filesystems.folders import files_below, ignored_by
from levada.filesystems.seam import (
    OutsideBasePathError,
    PathNotFoundError,
    WritableDeploymentStorage,
    WritableFileSystem,
)


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
        files = list(files_below(source, ignored_by(source, ignore_file)))
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
