"""Levada: ordinary Python functions become recorded, retried, cached and recoverable runs.

Importing this package does no work: names are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada.version import __version__

if TYPE_CHECKING:
    from levada.annotations import allow_failure as allow_failure
    from levada.annotations import unmapped as unmapped
    from levada.context import tags as tags
    from levada.core.retries import fail as fail
    from levada.core.retries import on as on
    from levada.core.states import State as State
    from levada.deployments.registering import adeploy as adeploy
    from levada.deployments.registering import deploy as deploy
    from levada.flows import Flow as Flow
    from levada.flows import flow as flow
    from levada.futures import as_completed as as_completed
    from levada.futures import wait as wait
    from levada.logging import get_run_logger as get_run_logger
    from levada.orchestration import get_client as get_client
    from levada.serving import aserve as aserve
    from levada.serving import serve as serve
    from levada.tasks import Task as Task
    from levada.tasks import task as task
    from levada.transactions import Transaction as Transaction
    from levada.transactions import transaction as transaction

_HOMES = {
    "Flow": "flows",
    "State": "core.states",
    "Task": "tasks",
    "Transaction": "transactions",
    "adeploy": "deployments.registering",
    "allow_failure": "annotations",
    "aserve": "serving",
    "as_completed": "futures",
    "deploy": "deployments.registering",
    "fail": "core.retries",
    "flow": "flows",
    "get_client": "orchestration",
    "get_run_logger": "logging",
    "on": "core.retries",
    "serve": "serving",
    "tags": "context",
    "task": "tasks",
    "transaction": "transactions",
    "unmapped": "annotations",
    "wait": "futures",
}
"""In which module each name lives."""

_MODULES = frozenset({
    "annotations", "artifacts", "cache_policies", "concurrency", "context", "deployments", "exceptions",
    "filesystems", "flows", "futures", "locking", "logging", "results", "retries", "runner", "runtime", "schedules",
    "serializers", "serving", "settings", "states", "steps", "task_runners", "tasks", "testing", "transactions",
    "variables",
})  # fmt: skip

__all__ = [
    "Flow",
    "State",
    "Task",
    "Transaction",
    "__version__",
    "adeploy",
    "allow_failure",
    "as_completed",
    "aserve",
    "deploy",
    "fail",
    "flow",
    "get_client",
    "get_run_logger",
    "on",
    "serve",
    "tags",
    "task",
    "transaction",
    "unmapped",
    "wait",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module  # lazy: names are loaded when they are first used

    home = _HOMES.get(name)
    if home is not None:
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
