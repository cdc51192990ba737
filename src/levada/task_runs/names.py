"""What a task is called where its delayed calls wait: the same in the process that calls and in the one that serves."""

from __future__ import annotations

from typing import Any

from levada.core.errors import DefinitionError
from levada.core.identity import home_of
from levada.core.naming import check_name

LONGEST_QUEUE = 255


def queue_of(task: Any) -> str:
    """The queue of a task: last part of its module, name of the task, and its version if it has one.

    So code that was changed serves calls that were made before, unless its author gave it another version, and a
    module is found again that one process imports and another runs as a script.

    Raises:
        DefinitionError: the task has a name that no queue can have, or is bound to an object.
    """
    if hasattr(task.fn, "__self__"):
        raise DefinitionError(
            f"Task {task.name!r} is bound to an object, which exists in this process only. Delay a function that is "
            "given what it takes to find the object again."
        )
    module = home_of(task.fn).rpartition(".")[2]
    name = f"{'__main__' if '<' in module else module}.{task.name}"
    if task.version is not None:
        name = f"{name}@{task.version}"
    if len(name) > LONGEST_QUEUE:
        raise DefinitionError(f"Task {task.name[:60]!r}… cannot be delayed: its name is too long.")
    return check_name("background task", name)
