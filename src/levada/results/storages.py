"""Where results are kept: finding a storage from what an author gave, its name in records, and paths from keys."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from levada.core.errors import ConfigurationError
from levada.filesystems import LocalFileSystem, PathNotFoundError, RemoteFileSystem

LONGEST_NAME = 200
"""Bytes of one file or folder name, at most; longer ones are cut and told apart by a digest."""

NOT_THERE = (PathNotFoundError, FileNotFoundError, KeyError, ValueError)
"""What storages raise for a path under which nothing is."""

_UNSAFE = re.compile(r"[%\\:*?\"<>|\x00-\x1f\x7f]|^[.~]|[. ]$")


@runtime_checkable
class ResultStorage(Protocol):
    """What a storage must have; `exists(path)`, `read_head(path, size)` and `delete(path)` are used if there."""

    def read_path(self, path: str) -> Any:
        """The bytes under a path, or an awaitable of them."""
        ...

    def write_path(self, path: str, content: bytes) -> Any:
        """Put bytes under a path, or return an awaitable that does."""
        ...


def resolve_result_storage(storage: Any) -> Any:
    """The storage that an author's value stands for: a path is a folder of this machine, an URL is reached by fsspec.

    Raises:
        ConfigurationError: it has no `read_path` and `write_path`.
    """
    if isinstance(storage, str):
        return RemoteFileSystem(storage) if "://" in storage else LocalFileSystem(storage)
    if isinstance(storage, os.PathLike):
        return LocalFileSystem(Path(storage))
    if isinstance(storage, ResultStorage):
        return storage
    raise ConfigurationError(
        f"Result storage must be a path, an URL or an object with read_path and write_path, not {storage!r}."
    )


def storage_name(storage: Any) -> str:
    """What records call a storage: a path or an URL from which it can be opened again, or the name of its class."""
    if isinstance(storage, LocalFileSystem):
        return str(storage.resolve())
    basepath = getattr(storage, "basepath", None)
    if isinstance(storage, RemoteFileSystem):
        return storage.basepath
    kind = type(storage)
    return f"object:{kind.__module__}.{kind.__qualname__}" + (f":{basepath}" if basepath else "")


def open_storage(name: str) -> Any:
    """The storage that a record names.

    Raises:
        ConfigurationError: it was an object that only its author's code can make.
    """
    if name.startswith("object:"):
        raise ConfigurationError(f"The storage {name} can only be opened by code that makes it: give it to the store.")
    return resolve_result_storage(name)


def path_of(key: str) -> str:
    """The path of a key: slashes are folders, and no key leads out of the storage or onto a hidden file.

    Two keys never share a path: characters that files may not have are written as ``%`` and two hexadecimal digits, as
    is ``%`` itself.
    """
    if _is_simple(key):
        return key
    return "/".join(_safe_name(part) for part in key_of(key).split("/"))


def key_of(key: str) -> str:
    """The key as records hold it: lone surrogates, which no file or journal takes, are spelled out."""
    return key.encode("utf-8", "backslashreplace").decode()


def _is_simple(key: str) -> bool:
    return key.isascii() and key.replace("-", "a").replace("_", "a").isalnum() and len(key) <= LONGEST_NAME


def _safe_name(part: str) -> str:
    if not part:
        return "%"
    name = _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), part)
    raw = name.encode()
    if len(raw) > LONGEST_NAME:
        from hashlib import sha256  # lazy: only very long keys need it

        return raw[: LONGEST_NAME - 34].decode("utf-8", "ignore") + "%%" + sha256(raw).hexdigest()[:32]
    return name
