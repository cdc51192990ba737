"""The step that copies a folder from whatever fsspec reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from levada.core.errors import LevadaError
from levada.filesystems import LocalFileSystem, RemoteFileSystem
from levada.steps.errors import StepExecutionError


def pull_from_remote_storage(url: str, *, into: Path | None = None, **settings: Any) -> dict[str, str]:
    """Copy a folder to this machine.

    Args:
        url: of the folder, such as ``s3://bucket/flows``.
        into: where; a folder of the URL's last name here unless given.
        settings: options of fsspec's file system.

    Returns:
        `directory`: where the copy is.

    Raises:
        StepExecutionError: it cannot be copied.
    """
    target = into or Path.cwd() / (url.rstrip("/").rpartition("/")[2] or "code")
    target.mkdir(parents=True, exist_ok=True)
    try:
        if url.startswith("file://"):
            LocalFileSystem(url.removeprefix("file://")).get_directory(local_path=str(target))
        else:
            RemoteFileSystem(url, settings).get_directory(local_path=str(target))
    except (LevadaError, OSError, ValueError, ImportError) as error:
        raise StepExecutionError(f"The code at {url} cannot be copied: {error}") from error
    return {"directory": str(target)}
