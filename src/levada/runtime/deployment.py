"""The deployment of the current flow run; empty until runs are deployed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levada.engine.context import flow_var
from levada.runtime.lookup import look_up


def _deployment_id() -> str | None:
    ctx = flow_var.get()
    found = None if ctx is None else ctx.flow_run.deployment_id
    return None if found is None else str(found)


def _flow_run_id() -> str | None:
    ctx = flow_var.get()
    return None if ctx is None else str(ctx.flow_run.id)


FIELDS: dict[str, Callable[[], Any]] = {
    "id": _deployment_id,
    "name": lambda: None,
    "version": lambda: None,
    "parameters": dict,
    "flow_run_id": _flow_run_id,
}
"""Every attribute, and how it is read."""

__all__ = [*FIELDS]  # noqa: PLE0604 - the attributes are looked up when they are asked for


def __getattr__(name: str) -> Any:
    return look_up("deployment", FIELDS, name)


def __dir__() -> list[str]:
    return sorted(FIELDS)
