"""Which store applies here: the running task's, the running flow's, or the process's own.

This room stands below the engine, which knows what runs: `set_source` is how it says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.filesystems import LocalFileSystem
from levada.serializers.base import Serializer, resolve_serializer

if TYPE_CHECKING:
    from levada.results.store import ResultStore

_source: Callable[[], ResultStore | None] | None = None


def set_source(source: Callable[[], ResultStore | None] | None) -> None:
    """Say how the store of the current run is found; None from it means that nothing runs."""
    global _source  # noqa: PLW0603 - set once, by the session
    _source = source


def home_folder() -> Path:
    """The folder of the home's own storage, `<home>/storage`."""
    home = os.environ.get("LEVADA_HOME") or "~/.levada"
    return Path(home).expanduser() / "storage"


def get_result_store() -> ResultStore:
    """The store of the current run, or one over the home's own storage when nothing runs."""
    found = _source() if _source is not None else None
    if found is not None:
        return found
    from levada.results.store import ResultStore  # lazy: it imports this module

    return ResultStore()


def get_default_result_storage() -> LocalFileSystem:
    """The home's own storage."""
    return LocalFileSystem(home_folder())


async def aget_default_result_storage() -> LocalFileSystem:
    """`get_default_result_storage`, awaited."""
    return get_default_result_storage()


def get_default_result_serializer() -> Serializer[Any]:
    """How keyed results are written when nothing else is said: `LEVADA_RESULTS_DEFAULT_SERIALIZER`, or pickle."""
    return resolve_serializer(os.environ.get("LEVADA_RESULTS_DEFAULT_SERIALIZER") or "pickle")


def get_default_persist_setting() -> bool:
    """Whether results of flows and tasks are persisted when nothing is said: `LEVADA_RESULTS_PERSIST_BY_DEFAULT`."""
    return os.environ.get("LEVADA_RESULTS_PERSIST_BY_DEFAULT", "").lower() in {"1", "true", "yes", "on"}


def should_persist_result() -> bool:
    """Whether the current run persists its result."""
    return _persisting() if _persisting is not None else get_default_persist_setting()


_persisting: Callable[[], bool] | None = None


def set_persisting(source: Callable[[], bool] | None) -> None:
    """Say how it is found whether the current run persists its result."""
    global _persisting  # noqa: PLW0603 - set once, by the session
    _persisting = source
