"""The deployment of the current flow run, or of the run that called it; empty in runs of no deployment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from levada.engine.context import flow_var
from levada.runtime.lookup import look_up

if TYPE_CHECKING:
    from levada.wire.pools import WorkOrder


def _order() -> WorkOrder | None:
    ctx = flow_var.get()
    return None if ctx is None else ctx.deployed


def _deployment_id() -> str | None:
    order = _order()
    return None if order is None or order.deployment_id is None else str(order.deployment_id)


def _name() -> str | None:
    order = _order()
    return None if order is None or order.deployment_name is None else order.deployment_name.rpartition("/")[2]


def _version() -> str | None:
    order = _order()
    return None if order is None or order.deployment_version is None else str(order.deployment_version)


def _parameters() -> dict[str, Any]:
    ctx = flow_var.get()
    while ctx is not None and ctx.order is None:
        ctx = ctx.parent
    return {} if ctx is None else ctx.parameters


def _flow_run_id() -> str | None:
    ctx = flow_var.get()
    while ctx is not None and ctx.order is None and ctx.parent is not None:
        ctx = ctx.parent
    return None if ctx is None else str(ctx.flow_run.id)


FIELDS: dict[str, Callable[[], Any]] = {
    "id": _deployment_id,
    "name": _name,
    "version": _version,
    "parameters": _parameters,
    "flow_run_id": _flow_run_id,
}
"""Every attribute, and how it is read."""

__all__ = [*FIELDS]  # noqa: PLE0604 - the attributes are looked up when they are asked for


def __getattr__(name: str) -> Any:
    return look_up("deployment", FIELDS, name)


def __dir__() -> list[str]:
    return sorted(FIELDS)
