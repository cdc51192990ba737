"""What operators ask of a server: how it is set, how full it is, what its services do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from litestar import Router, get

from levada.control.services.base import Described, Service
from levada.control.services.registry import describe_services
from levada.core.settings import Settings, catalogue
from levada.server.api.answers import answers
from levada.server.pattern import ADMIN, ThePlane, TheServices, TheSettings
from levada.wire.objects import TableSize
from levada.wire.requests import RetentionView, ServiceView, SettingView


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


@get(
    "/services",
    operation_id="read_services",
    opt=ADMIN,
    summary="Services of the server",
    responses=answers(200, "Every service, whether or not it runs here.", list[ServiceView]),
    sync_to_thread=True,
)
def read_services(plane: ThePlane, settings: TheSettings, services: TheServices) -> list[ServiceView]:
    """The loops that servers run beside answering, and how they do in the process that answers this request."""
    here = {} if services is None else {service.name: service for service in services.services}
    return [_service_view(one, here.get(one.name)) for one in describe_services(plane, settings)]


def _service_view(known: Described, service: Service[Any] | None) -> ServiceView:
    if service is None or not known.enabled:
        state = "stopped" if known.enabled else "disabled"
        return ServiceView(name=known.name, does=known.does, state=state, interval_seconds=known.interval)
    figures = service.figures
    last = figures.last_result
    return ServiceView(
        name=known.name,
        does=known.does,
        state="running" if service.running else "stopped",
        interval_seconds=known.interval,
        runs=figures.runs,
        failures=figures.failures,
        done=figures.done,
        last_run=None if figures.last_run is None else datetime.fromtimestamp(figures.last_run, UTC),
        last_seconds=figures.last_seconds if figures.runs else None,
        last_error=figures.last_error,
        last_done=None if last is None else last.done,
        last_counts={} if last is None else last.counts,
    )


router = Router(
    "/admin",
    route_handlers=[read_settings, table_sizes, read_retention, read_services],
    tags=["Administration"],
)
