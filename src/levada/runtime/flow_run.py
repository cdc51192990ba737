"""The current flow run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from levada.engine.context import FlowRunContext, flow_var
from levada.runtime.lookup import look_up


def _of(read: Callable[[FlowRunContext], Any], empty: Any = None) -> Callable[[], Any]:
    def value() -> Any:
        ctx = flow_var.get()
        if ctx is not None:
            return read(ctx)
        return empty() if callable(empty) else empty

    return value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _interval(ctx: FlowRunContext, end: int) -> datetime | None:
    """One end of the range of data that the run is about, or the run that called it."""
    order = ctx.deployed
    return None if order is None or order.interval is None else order.interval[end]


FIELDS: dict[str, Callable[[], Any]] = {
    "id": _of(lambda ctx: str(ctx.flow_run.id)),
    "tags": _of(lambda ctx: sorted(ctx.tags), list),
    "scheduled_start_time": _of(lambda ctx: ctx.flow_run.expected_start_time, lambda: datetime.now(UTC)),
    "name": _of(lambda ctx: ctx.flow_run.name),
    "flow_name": _of(lambda ctx: ctx.flow.name),
    "flow_version": _of(lambda ctx: ctx.flow.version),
    "parameters": _of(lambda ctx: ctx.parameters, dict),
    "parent_flow_run_id": _of(lambda ctx: _text(ctx.flow_run.parent_flow_run_id)),
    "parent_deployment_id": _of(
        lambda ctx: None if ctx.parent is None or ctx.deployed is None else _text(ctx.deployed.deployment_id)
    ),
    "root_flow_run_id": _of(lambda ctx: str(ctx.flow_run.root_flow_run_id or ctx.flow_run.id)),
    "run_count": _of(lambda ctx: ctx.attempt, 0),
    "epoch": _of(lambda ctx: ctx.epoch, 0),
    "api_url": _of(lambda _: None),
    "ui_url": _of(lambda _: None),
    "job_variables": _of(lambda ctx: None if ctx.deployed is None else ctx.deployed.job_variables),
    "data_interval_start": _of(lambda ctx: _interval(ctx, 0)),
    "data_interval_end": _of(lambda ctx: _interval(ctx, 1)),
}
"""Every attribute, and how it is read."""

__all__ = [*FIELDS]  # noqa: PLE0604 - the attributes are looked up when they are asked for


def __getattr__(name: str) -> Any:
    return look_up("flow_run", FIELDS, name)


def __dir__() -> list[str]:
    return sorted(FIELDS)
