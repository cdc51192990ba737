"""What lists are asked with. Every field is optional; those given must all hold."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from levada.core.states import StateType


class FlowRunQuery(Struct, omit_defaults=True, kw_only=True):
    """Which flow runs; newest first."""

    ids: list[UUID] | None = None
    id_prefix: str | None = None
    names: list[str] | None = None
    name_like: str | None = None
    flow_names: list[str] | None = None
    state_types: list[StateType] | None = None
    state_names: list[str] | None = None
    tags_all: list[str] | None = None
    parent_task_run_ids: list[UUID] | None = None
    parent_flow_run_ids: list[UUID] | None = None
    top_level: bool | None = None
    """True: only runs without a parent; False: only subflow runs."""
    started_after: datetime | None = None
    started_before: datetime | None = None
    oldest_first: bool = False
    limit: int = 200
    cursor: str | None = None


class TaskRunQuery(Struct, omit_defaults=True, kw_only=True):
    """Which task runs; in the order they were made."""

    ids: list[UUID] | None = None
    id_prefix: str | None = None
    flow_run_ids: list[UUID] | None = None
    names: list[str] | None = None
    name_like: str | None = None
    task_keys: list[str] | None = None
    state_types: list[StateType] | None = None
    state_names: list[str] | None = None
    tags_all: list[str] | None = None
    newest_first: bool = False
    limit: int = 200
    cursor: str | None = None


class LogQuery(Struct, omit_defaults=True, kw_only=True):
    """Which log lines; in the order they were written."""

    flow_run_ids: list[UUID] | None = None
    task_run_ids: list[UUID] | None = None
    min_level: int | None = None
    text: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    newest_first: bool = False
    limit: int = 200
    cursor: str | None = None


class ArtifactQuery(Struct, omit_defaults=True, kw_only=True):
    """Which artifacts; newest first."""

    ids: list[UUID] | None = None
    keys: list[str] | None = None
    types: list[str] | None = None
    flow_run_ids: list[UUID] | None = None
    latest_of_key: bool = False
    limit: int = 200
    cursor: str | None = None
