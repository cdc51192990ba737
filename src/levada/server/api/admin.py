"""What operators ask of a server: how it is set, how full it is, what its services do."""

from __future__ import annotations

from typing import Any

from litestar import Router, get

from levada.core.settings import Settings, catalogue
from levada.server.api.answers import answers
from levada.server.pattern import ADMIN, ThePlane, TheSettings
from levada.wire.objects import TableSize
from levada.wire.requests import RetentionView, SettingView


@get(
    "/settings",
    operation_id="read_settings",
    opt=ADMIN,
    summary="Settings of the server",
    responses=answers(200, "Every setting; secret ones without their value.", list[SettingView]),
    sync_to_thread=False,
)
def read_settings(settings: TheSettings) -> list[SettingView]:
    """Every setting as this server runs with it, and where its value comes from. Secrets are never shown."""
    return setting_views(settings)


def setting_views(settings: Settings) -> list[SettingView]:
    """Every setting with its value and its source; of a secret one only whether it is set."""
    return [
        SettingView(
            one.name,
            _hidden(settings.value(one.name)) if one.secret else _plain(settings.value(one.name)),
            settings.source(one.name).kind,
            one.description,
            one.secret,
        )
        for one in catalogue()
    ]


def _hidden(value: Any) -> str | None:
    return None if value is None else "********"


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else str(value)


@get(
    "/database",
    operation_id="table_sizes",
    opt=ADMIN,
    summary="Size of the database",
    responses=answers(200, "Tables, the largest first.", list[TableSize]),
    sync_to_thread=True,
)
def table_sizes(plane: ThePlane) -> list[TableSize]:
    """How much room each table takes, and about how many rows it has."""
    return plane.table_sizes()


@get(
    "/retention",
    operation_id="read_retention",
    opt=ADMIN,
    summary="How long things are kept",
    responses=answers(200, "The settings, and what was last removed.", RetentionView),
    sync_to_thread=True,
)
def read_retention(plane: ThePlane, settings: TheSettings) -> RetentionView:
    """How long the server keeps what, and what its retention service last removed."""
    kept = settings.retention
    last = plane.read_meta("service:retention") or {}
    return RetentionView(
        enabled=kept.enabled,
        runs_days=kept.runs_days,
        failed_runs_days=kept.failed_runs_days,
        logs_days=kept.logs_days,
        events_days=kept.events_days,
        last_run=last.get("at"),
        last_result=last.get("result"),
    )


router = Router("/admin", route_handlers=[read_settings, table_sizes, read_retention], tags=["Administration"])
