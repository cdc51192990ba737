"""Finding the tasks to serve where they are written."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from levada.core.errors import ConfigurationError, MissingFlowError
from levada.loading import load_module, load_script
from levada.tasks import Task


def tasks_at(place: str) -> list[Task[Any, Any]]:
    """The tasks of a file or module, or the one that is named.

    Args:
        place: ``path.py``, ``path.py:NAME``, ``package.module`` or ``package.module:NAME``.

    Raises:
        ConfigurationError: there is no such place, or no task in it.
        ScriptError: the file raised.
    """
    where, colon, name = place.rpartition(":")
    if not colon or "/" in name or name.endswith(".py"):
        where, name = place, ""
    module = _module(where)
    if name:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, Task):
            raise ConfigurationError(f"There is no task {name!r} in {where!r}; write @task above the function.")
        return [found]
    tasks = [value for value in vars(module).values() if isinstance(value, Task)]
    own = [task for task in tasks if task.fn.__module__ == module.__name__] or tasks
    if not own:
        raise ConfigurationError(f"No task stands in {where!r}; write @task above the functions to serve.")
    return list(dict.fromkeys(own))


def _module(where: str) -> ModuleType:
    if where.endswith(".py") or "/" in where or Path(where).is_file():
        return load_script(Path(where))
    try:
        return load_module(where)
    except MissingFlowError as error:
        raise ConfigurationError(f"There is no file and no module {where!r}.") from error
