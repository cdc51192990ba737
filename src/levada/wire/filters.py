"""What lists are asked with. Every field is optional; those given must all hold.

A field that is not known is refused: a filter that was misspelt and passed over would find, cancel or delete too much.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from levada.core.states import StateType


class FlowRunQuery(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
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
    ended_after: datetime | None = None
    ended_before: datetime | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    expected_after: datetime | None = None
    expected_before: datetime | None = None
    tags_any: list[str] | None = None
    parameters: dict[str, str] | None = None
    """Parameters that must have these values, compared as the short text shown for them."""
    labels: dict[str, str] | None = None
    """Labels that must have these values, compared as text."""
    min_seconds: float | None = None
    """Shortest duration; a run that has not ended has none."""
    max_seconds: float | None = None
    error_like: str | None = None
    """Text that the message of the present state contains."""
    deployment_ids: list[UUID] | None = None
    deployment_names: list[str] | None = None
    """Names of deployments, or ``flow/name``; those that are deployed now."""
    deployment_versions: list[int] | None = None
    work_pool_names: list[str] | None = None
    work_queue_names: list[str] | None = None
    schedule_ids: list[UUID] | None = None
    """Schedules or backfills that made them."""
    created_by: list[str] | None = None
    flow_versions: list[str] | None = None
    sort: str | None = None
    """`id`, `started`, `ended`, `expected`, `name` or `duration`, with `-` before it for the greatest first; None: by
    id, the newest first (`oldest_first` is `id`)."""
    oldest_first: bool = False
    limit: int = 200
    cursor: str | None = None


class TaskRunQuery(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
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
    error_like: str | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    newest_first: bool = False
    limit: int = 200
    cursor: str | None = None


class LogQuery(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Which log lines; in the order they were written."""

    flow_run_ids: list[UUID] | None = None
    task_run_ids: list[UUID] | None = None
    min_level: int | None = None
    text: str | None = None
    """Words that all occur; `-word` must not, `"several words"` stand together, `a OR b` either."""
    loggers: list[str] | None = None
    after: datetime | None = None
    before: datetime | None = None
    newest_first: bool = False
    limit: int = 200
    cursor: str | None = None


class ArtifactQuery(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Which artifacts; newest first."""

    ids: list[UUID] | None = None
    keys: list[str] | None = None
    types: list[str] | None = None
    flow_run_ids: list[UUID] | None = None
    latest_of_key: bool = False
    limit: int = 200
    cursor: str | None = None
